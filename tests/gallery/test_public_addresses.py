"""Tests which addresses pictures may come from, on any version of Python."""

from __future__ import annotations

import pytest

from tests.gallery.test_thumbnails import fetch
from tmapi_spiders.gallery.public_addresses import is_public

PUBLIC = (
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "47.246.0.1", "100.63.255.255", "100.128.0.0"),
    *("172.15.255.255", "172.32.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("2606:4700::1111", "2a00:1450:4001::8a", "2400:3200::1", "2001:4860:4860::8888"),
    *("2001:200::1", "2003::1", "3ffd::1", "2620:4f:8001::1"),
    *("::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
)

INNER = (
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.9", "192.0.0.171", "192.0.2.1"),
    *("192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.255.255", "192.175.48.1"),
    *("198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
    *("::ffff:0:8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254"),
    *(
        "64:ff9b:1::1",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "100:0:0:1::1",
        "200::1",
        "400::1",
        "1000::1",
    ),
    *("2001::1", "2001:0:4136:e378::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:808:808::1", "2620:4f:8000::1", "3ffe::1", "3fff::1", "3fff:fff::1"),
    *("4000::1", "5f00::1", "8000::1", "fc00::1", "fd00::1", "fe80::1", "fe80::1%1", "fec0::1"),
    *("ff02::1", "ff0e::1", "ffff::1"),
)


@pytest.mark.parametrize("host", PUBLIC)
def test_public(host: str) -> None:
    assert is_public(host)


@pytest.mark.parametrize("host", INNER)
def test_inner(host: str) -> None:
    assert not is_public(host)


def test_hostile_addresses_are_not_requested() -> None:
    hosts = [f"[{host}]" if ":" in host else host for host in INNER if "%" not in host]
    made, problems = fetch(*(f"http://{host}:9/a.jpg" for host in hosts))
    assert not any(made)
    assert problems == {"not an address of the public internet": len(hosts)}
