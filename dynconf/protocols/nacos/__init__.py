"""Nacos's HTTP APIs for configuration: v1 (1.x to 3.1), and v3 (from 3.0 on).

Paths are given from the context path on, which is `/nacos` unless somebody has set another.

See https://nacos.io/docs/latest/manual/user/open-api/.
"""
