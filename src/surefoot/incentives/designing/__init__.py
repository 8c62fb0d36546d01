"""The most accurate rule that rewards what is wanted, with a certificate."""
