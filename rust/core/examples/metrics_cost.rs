//! What it costs to count a request, and to add up what was counted.
//!
//!     cargo run --release -p pygateway-core --example metrics_cost
//!
//! Nanoseconds per call, the median of nine runs.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use pygateway_core::arena::{Arena, FEWEST_SLOTS};
use pygateway_core::method::Known;
use pygateway_core::metrics::{AuthOutcome, Metrics, Observation, Phases};
use pygateway_core::specification::Specification;

const CALLS: u32 = 500_000;
const RUNS: usize = 9;
const ROUTES: usize = 100;

/// Print what a call costs, by the time that many of them take.
fn report(name: &str, calls: u32, mut run: impl FnMut()) {
    let mut times = [0.0; RUNS];
    for time in &mut times {
        let start = Instant::now();
        run();
        *time = start.elapsed().as_secs_f64() * 1e9 / f64::from(calls);
    }
    times.sort_by(f64::total_cmp);
    println!("{name:<60} {:>9.1} ns", times[RUNS / 2]);
}

fn specification() -> Result<Specification, Box<dyn std::error::Error>> {
    let route = |number: usize| {
        format!(
            r#"{{"name": "route-{number}", "hosts": [], "paths": [], "methods": [], "headers": [],
            "query": [], "action": {{"forward": {{}}}}, "rewrite": {{"strip_prefix": null,
            "add_prefix": null, "path": null, "host": "preserve"}}, "request_headers":
            {{"set": [], "add": [], "remove": []}}, "response_headers": {{"set": [], "add": [],
            "remove": []}}, "security_headers": null, "hsts": null, "body_bytes": null, "cors": null}}"#
        )
    };
    let routes: Vec<_> = (0..ROUTES).map(route).collect();
    let json = format!(
        r#"{{"limits": {{"header_bytes": 8192, "header_count": 20, "target_bytes": 100,
        "body_bytes": 1000}}, "trusted_proxies": [], "via": "gw", "health_path": null,
        "security_headers": [], "hsts": null, "upstreams": ["app"], "routes": [{}]}}"#,
        routes.join(",")
    );
    Ok(Specification::from_json(json.as_bytes())?)
}

/// What becomes of most requests: they are forwarded and answered.
fn forwarded(number: u32) -> Observation {
    Observation {
        method: Some(Known::Get),
        route: Some(number as usize % ROUTES),
        status: 200,
        duration: 0.000_8 + f64::from(number % 7) * 0.001,
        overhead: 0.000_06,
        phases: Phases {
            decide: Some(0.000_02),
            wait: Some(0.000_7),
            stream: Some(0.000_08),
            ..Phases::default()
        },
        upstream: Some((0, true)),
        request_bytes: 0,
        response_bytes: 136,
        exemplar: None,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let specification = specification()?;
    let arena = Arc::new(Arena::private(FEWEST_SLOTS)?);
    let metrics = Metrics::compile(&specification, Arc::clone(&arena), 0);
    let each = |change: &dyn Fn(u32) -> Observation| {
        for number in 0..CALLS {
            metrics.observe(black_box(&change(number)));
        }
    };
    report("observe, one route", CALLS, || {
        each(&|number| Observation {
            route: Some(0),
            ..forwarded(number)
        });
    });
    report("observe, a hundred routes in turn", CALLS, || {
        each(&forwarded);
    });
    report("observe, with every phase and bodies", CALLS, || {
        each(&|number| Observation {
            phases: Phases {
                parse: Some(0.001),
                verify: Some(0.001),
                limit: Some(0.001),
                connect: Some(0.001),
                ..forwarded(number).phases
            },
            request_bytes: 1000,
            ..forwarded(number)
        });
    });
    report("observe, answered by the gateway", CALLS, || {
        each(&|number| Observation {
            phases: Phases {
                decide: Some(0.000_02),
                ..Phases::default()
            },
            upstream: None,
            status: 404,
            route: None,
            ..forwarded(number)
        });
    });
    report("observe, with an exemplar", CALLS, || {
        each(&|number| Observation {
            exemplar: Some((u128::from(number) << 64, 1.7e9)),
            ..forwarded(number)
        });
    });
    report("count who was let in", CALLS, || {
        for _ in 0..CALLS {
            metrics.count_auth(black_box(AuthOutcome::Accepted));
        }
    });
    report("observe, two threads that share a stripe", CALLS, || {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| each(&forwarded));
            }
        });
    });
    report("observe, series not seen before", 400, {
        let mut status = 100;
        move || {
            status += 50;
            for number in 0..400 {
                metrics.observe(&Observation {
                    status: status + (number % 50) as u16,
                    ..forwarded(number)
                });
            }
        }
    });
    let series = arena.measurements().requests.len();
    report(&format!("add up {series} series"), 1, || {
        black_box(arena.measurements());
    });
    Ok(())
}
