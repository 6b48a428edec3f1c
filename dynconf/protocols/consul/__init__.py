"""Consul's HTTP API, as far as dynconf uses it: https://developer.hashicorp.com/consul/api-docs."""
