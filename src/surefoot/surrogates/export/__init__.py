"""Fitted surrogates as files that need no Surefoot to be used."""
