from __future__ import annotations

from pygateway.config import Admin, load_text
from pygateway.supervisor.traffic_report import describe_traffic
from tests.admin.serving import Serving
from tests.support.counted import counted, requests


def test_traffic_is_served_as_it_is_described() -> None:
    config = load_text("routes: [{name: r, auth: none, respond: {}}]")
    document = describe_traffic(config, counted(requests("r", 1, 0, 0, 0)), [], [], 5.0, 1.0, 0.0)
    with Serving(Admin()) as admin:
        admin.control.seen = document
        reply = admin.ask("GET", "/traffic")
        assert (reply.status, reply.document) == (200, document)


def test_the_document_of_the_api_has_it() -> None:
    with Serving(Admin()) as admin:
        paths = admin.ask("GET", "/openapi.json").document["paths"]
        schema = paths["/traffic"]["get"]["responses"]["200"]["content"]["application/json"]
        assert schema["schema"]["$ref"].endswith("/TrafficReply")
