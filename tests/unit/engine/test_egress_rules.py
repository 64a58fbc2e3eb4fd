"""The allow-list as the gateway's rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from launcher.engines.docker.gateway import arguments, explain_refusal
from launcher.engines.protocol import Ended
from launcher.errors import ConfigurationError
from launcher.host.user import JobUser
from launcher.images.tags import Image
from launcher.plan.egress import Reader, destination_entries, rules
from launcher.plan.job import plan_job
from launcher.plan.options import SyncOptions
from launcher.plan.values import Host, JobPlan, Mount
from launcher.runs.run import failure_of
from launcher.secrets.gather import Drivers, Part
from launcher.secrets.slices import Slice
from runner.contract import Destination, Failure, FailureKind, Result
from tests.unit.engine.builders import ENVIRONMENT, FACTS, project, source

ROOT = Path("/srv/acme")


def test_the_whole_rule_set_of_a_name_and_two_addresses_is_this() -> None:
    made = rules(["api.example.com:443", "10.0.0.5:5432", "[2001:db8::1]:443"], 1000)
    assert made["DLTPOD_NFT"] == (
        """table inet dltpod {
  set p443_4 { type ipv4_addr; }
  set p443_6 { type ipv6_addr; }
  chain refused {
    log group 5 queue-threshold 1
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain output {
    type filter hook output priority 0; policy drop;
    ct state established,related accept
    ip daddr 127.0.0.11 meta skuid != 53535 reject
    oif "lo" accept
    meta skuid { 0, 53535 } meta l4proto { tcp, udp } th dport 53 accept
    ip daddr 169.254.0.0/16 jump refused
    ip daddr 100.100.100.200 jump refused
    ip daddr 100.96.0.96 jump refused
    ip daddr 168.63.129.16 jump refused
    ip daddr 192.0.0.192 jump refused
    ip6 daddr fe80::/10 jump refused
    ip6 daddr fd00:42::42 jump refused
    ip6 daddr fd00:100::100:200 jump refused
    ip6 daddr fd00:a9fe:a9fe::1 jump refused
    ip6 daddr fd00:c1::a9fe:a9fe jump refused
    ip6 daddr fd00:ec2::23 jump refused
    ip6 daddr fd00:ec2::254 jump refused
    ip6 daddr fd20:ce::254 jump refused
    ip daddr 10.0.0.5 tcp dport 5432 accept
    ip6 daddr 2001:db8::1 tcp dport 443 accept
    ip daddr @p443_4 tcp dport 443 accept
    ip6 daddr @p443_6 tcp dport 443 accept
    jump refused
  }
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iif "lo" accept
  }
}"""
    )
    assert made["DLTPOD_NAMES"] == "api.example.com"
    assert made["DLTPOD_PORTS"] == "api.example.com 443"
    last = made["DLTPOD_DNSMASQ"].splitlines()[-1]
    assert last == "nftset=/api.example.com/4#inet#dltpod#p443_4,6#inet#dltpod#p443_6"


def test_a_machines_metadata_address_is_open_where_it_is_listed_and_not_by_a_wider_network() -> None:
    made = rules(["0.0.0.0/0:80", "169.254.169.254:80"], 1000)["DLTPOD_NFT"].splitlines()
    own, closed, wide = (
        made.index(f"    ip daddr {line}")
        for line in (
            "169.254.169.254 tcp dport 80 accept",
            "169.254.0.0/16 jump refused",
            "0.0.0.0/0 tcp dport 80 accept",
        )
    )
    assert own < closed < wide


def test_a_job_that_has_the_engines_uid_may_not_ask_name_servers_for_that() -> None:
    made = rules(["api.example.com:443"], 0)["DLTPOD_NFT"]
    assert "    meta skuid { 53535 } meta l4proto { tcp, udp } th dport 53 accept" in made.splitlines()


def test_networks_and_addresses_are_rules_of_their_own() -> None:
    made = rules(["203.0.113.0/24:443", "[2001:db8::/32]:443", "10.0.0.5:443"], 1000)[
        "DLTPOD_NFT"
    ].splitlines()
    assert "    ip daddr 203.0.113.0/24 tcp dport 443 accept" in made
    assert "    ip6 daddr 2001:db8::/32 tcp dport 443 accept" in made
    assert "    ip daddr 10.0.0.5 tcp dport 443 accept" in made
    last = made.index("    jump refused")
    assert all(made.index(line) < last for line in made if line.endswith("accept") and "daddr" in line)


@pytest.mark.parametrize(
    ("kind", "settings", "entries"),
    [
        ("postgres", {"credentials": "postgresql://u:p@db.example.com/x"}, ("db.example.com:5432",)),
        ("postgres", {"credentials": {"host": "db.example.com", "port": 6543}}, ("db.example.com:6543",)),
        ("postgres", {"credentials": {"host": "::1"}}, ("[::1]:5432",)),
        ("redshift", {"credentials": {"host": "r.example.com"}}, ("r.example.com:5439",)),
        ("sqlalchemy", {"credentials": "mysql+pymysql://u@m.example.com/x"}, ("m.example.com:3306",)),
        ("snowflake", {"credentials": {"host": "ab12.eu"}}, ("ab12.eu:443",)),
        ("snowflake", {"credentials": {"host": "ab12"}}, ("ab12.snowflakecomputing.com:443",)),
        (
            "filesystem",
            {"bucket_url": "s3://b/x", "credentials": {"endpoint_url": "http://minio:9000"}},
            ("minio:9000",),
        ),
        (
            "filesystem",
            {"bucket_url": "s3://b/x"},
            ("s3.amazonaws.com:443", "b.s3.amazonaws.com:443"),
        ),
        ("postgres", {}, ()),
        ("postgres", {"credentials": "postgresql://[bad/x"}, ()),
    ],
)
def test_the_destination_of_a_walled_source_stays_reachable(
    kind: str, settings: Mapping[str, Any], entries: tuple[str, ...]
) -> None:
    assert destination_entries(kind, settings) == entries


def walled(secrets: str) -> JobPlan:
    """The plan of a source that lists a host and loads into the Postgres of these ``secrets``."""
    entry = source(egress=("api.example.com:443",)).model_copy(update={"destination": "postgres"})
    return plan_job(
        project(ROOT, entry),
        entry,
        image=Image("dltpod/source:1", ENVIRONMENT, gateway="dltpod/source:2"),
        part=Part(Slice({"secrets.toml": secrets}), Drivers(Destination("postgres"))),
        options=SyncOptions(),
        user=JobUser(1000, 1000, True),
        facts=FACTS,
        host=Host(
            proxies={"HTTPS_PROXY": "http://u:p@proxy:1"},
            resolver=Path("/r"),
            passwd=Path("/p"),
            launcher="l",
        ),
        run_id="r",
        token="t",
    )


def test_a_walled_source_reaches_what_it_lists_and_its_destination_and_has_no_proxy() -> None:
    made = walled('[destination.postgres.credentials]\nhost = "db"\n')
    assert made.container.egress == ("api.example.com:443", "db:5432")
    assert "HTTPS_PROXY" not in made.job.env
    assert Mount(Path("/r"), "/etc/resolv.conf") in made.container.mounts
    body = arguments(made.container)
    assert body["Image"] == "dltpod/source:2"
    assert body["HostConfig"]["CapAdd"] == ["NET_ADMIN", "NET_BIND_SERVICE", "SETGID", "SETUID"]
    assert body["Labels"]["dltpod.role"] == "gateway"


@pytest.mark.parametrize(
    ("host", "port", "entry"),
    [
        ("db", '"https"', "db:https"),
        ("10.0.0.1", '"https"', "10.0.0.1:https"),
        ("db", '"5432 "', "db:5432 "),
        ("db", "70000", "db:70000"),
        ("the db", "5432", "the db:5432"),
    ],
)
def test_a_destinations_port_that_is_none_is_refused_for_all_engines(
    host: str, port: str, entry: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        walled(f'[destination.postgres.credentials]\nhost = "{host}"\nport = {port}\n')
    assert refused.value.message.startswith(f"jira: egress '{entry}' must be HOST:PORT")
    assert refused.value.hint == "correct host and port in [destination.postgres] of .dlt/secrets.toml"


def test_refusals_are_told_once_in_words() -> None:
    reader = Reader()
    refused = b"IP 172.17.0.2.56118 > 1.1.1.1.443: Flags [S], seq 1, length 0"
    assert reader.read(refused) == "egress: refused TCP to 1.1.1.1:443, which container.egress doesn't list"
    assert reader.read(refused) is None
    assert reader.read(b"IP 172.17.0.2.1 > 8.8.8.8.53: domain") is not None
    assert reader.read(b"dnsmasq[16]: query[A] evil.example.com from 127.0.0.1") is None
    assert "evil.example.com" in (reader.read(b"dnsmasq[16]: config error is REFUSED (EDE: not ready)") or "")
    assert reader.read(b"dnsmasq[16]: started, version 2.91 cache disabled") is None
    assert list(reader.refused) == ["1.1.1.1", "8.8.8.8", "evil.example.com"]


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("no name server answers for acme.example.com", "container.egress doesn't list it: add acme"),
        ("nothing listens at 192.0.2.1:443", "container.egress doesn't list it: add 192.0.2.1"),
        ("nothing listens at 192.0.2.10:443", "the runner's own"),
        ("no such name: my-acme.example.com", "the runner's own"),
    ],
)
def test_a_run_that_failed_at_a_host_that_its_list_leaves_out_is_told_so_and_not_tried_again(
    message: str, hint: str
) -> None:
    failure = Failure(FailureKind.EXTRACT, message, "the runner's own", transient=True)
    ended = explain_refusal(Ended(Result("failed", 75, failure=failure)), ["acme.example.com", "192.0.2.1"])
    told = failure_of(ended)
    assert told is not None and told.message == message
    assert told.hint.startswith(hint)
    assert told.transient is (hint == "the runner's own")
