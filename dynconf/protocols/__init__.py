"""The servers' protocols without any network: each is a generator that yields what is to be done.

A generator yields a `Request` and is sent the `Reply`, or has a `SourceError` thrown into it if nobody
answered; it yields a `Pause` and is resumed after it. What a watching one yields besides is news. So
every rule about indices, digests and back-off can be tested with canned replies.
"""
