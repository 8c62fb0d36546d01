"""The ground every room stands on: errors, streams, ledger, work, data, intervals, study, page.

The ground knows no room and imports no heavy library at module level.
"""
