"""The traffic of ``0_1.sql.gz``, see make_0_1.py."""

STORY = """
00:00 injection: rate=60/min
00:00 toxicity:  rate=60/min
01:30 injection: near=20%
02:50 toxicity:  near=20%
03:20 end
"""
