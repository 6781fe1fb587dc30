use std::os::fd::AsRawFd;

use serde_json::{Value, json};

use super::measurements::Measurements;
use super::*;
use crate::arena::FEWEST_SLOTS;
use crate::fixture::route;

mod counting;
mod crowds;
mod model;
mod threads;

/// The specification of so many routes, upstreams and policies.
fn specification(routes: usize) -> Specification {
    let route = |number: usize| route(&json!({"name": format!("route-{number}")}));
    let policy = |name: &str| {
        json!({
            "name": name, "by": [], "window": null, "concurrency": 1, "mode": "local",
            "on_store_failure": "local", "tiers": null, "cost_header": null,
            "exempt": {"networks": [], "subjects": [], "scopes": []}, "shadow": false,
        })
    };
    let value = json!({
        "limits": {"header_bytes": 8192, "header_count": 20, "target_bytes": 100, "body_bytes": 1000},
        "trusted_proxies": [], "via": "gw", "health_path": null,
        "security_headers": [], "hsts": null,
        "routes": (0..routes).map(route).collect::<Vec<_>>(),
        "upstreams": ["app", "files"], "rate_limits": [policy("per-user"), policy("per-ip")],
    });
    Specification::from_json(value.to_string().as_bytes()).unwrap()
}

/// An arena with few series, in a file that nobody else finds.
fn arena(series: usize) -> Arc<Arena> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Relaxed);
    let name = format!("pygateway-metrics-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = std::fs::File::options();
    let options = options.read(true).write(true).create_new(true);
    let file = options.open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let arena = Arena::create(file.as_raw_fd(), FEWEST_SLOTS, series, 0);
    Arc::new(arena.unwrap())
}

fn metrics(arena: &Arc<Arena>, lane: u8) -> Metrics {
    Metrics::compile(&specification(3), Arc::clone(arena), lane)
}

/// A request that was forwarded and answered.
fn request(route: usize, status: u16, duration: f64) -> Observation {
    Observation {
        method: Some(Known::Get),
        route: Some(route),
        status,
        duration,
        overhead: 0.0,
        phases: Phases::default(),
        upstream: None,
        request_bytes: 0,
        response_bytes: 0,
        exemplar: None,
    }
}

fn json_of(arena: &Arena) -> Value {
    serde_json::to_value(arena.measurements()).unwrap()
}

/// Requests that were counted, by method, route and status.
fn counts(measurements: &Measurements) -> Vec<(&str, &str, &str, u64)> {
    let requests = measurements.requests.iter();
    let mut counts: Vec<_> = requests
        .map(|requests| {
            let count = requests.durations.count();
            (requests.method, &*requests.route, &*requests.status, count)
        })
        .collect();
    counts.sort_unstable();
    counts
}
