//! The published form of results: what is written keeps to it, it promises
//! nothing that is not written, and results that are kept are valid by it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use wsbench::nodelay::Nodelay;
use wsbench::report::{
    Block, Entrant, Latency, LatencyServer, Measured, Measurement, Memory,
    MemoryServer, Quantile, Report, SCHEMA,
};
use wsbench::stats::Interval;

fn schema() -> Value {
    let text = include_str!("../../data/results-2.schema.json");
    serde_json::from_str(text).expect("JSON")
}

/// Whether a value is of the form that a part of the schema asks for; what is
/// wrong, and where. The properties that it has are added to `seen`.
fn check(
    root: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    seen: &mut BTreeSet<String>,
) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let place = name.strip_prefix('#').expect("a place in it");
        let part = root.pointer(place).expect("a part of it");
        check(root, part, value, at, seen)?;
    } else if let Some(constant) = schema.get("const") {
        return match value == constant {
            true => Ok(()),
            false => Err(format!("{at} is {value}")),
        };
    } else {
        if let Some(Value::Array(words)) = schema.get("enum") {
            return match words.contains(value) {
                true => Ok(()),
                false => Err(format!("{at} is {value}, and none of {words:?}")),
            };
        }
        let types = match &schema["type"] {
            Value::Array(types) => types.clone(),
            one => vec![one.clone()],
        };
        if !types.iter().any(|it| is_a(value, it)) {
            return Err(format!("{at} is {value}, and no {types:?}"));
        }
    }
    match value {
        Value::Object(object) if schema.get("properties").is_some() => {
            let properties = &schema["properties"];
            for name in schema["required"].as_array().expect("required") {
                if value
                    .get(name.as_str().expect("a name"))
                    .is_none()
                {
                    return Err(format!("{at} has no {name}"));
                }
            }
            for (name, value) in object {
                let at = format!("{at}.{name}");
                let Some(part) = properties.get(name) else {
                    return Err(format!("{at} is not there"));
                };
                check(root, part, value, &at, seen)?;
                seen.insert(at);
            }
        }
        Value::Array(items) => {
            let count = items.len() as u64;
            let least = schema["minItems"].as_u64().unwrap_or(0);
            let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
            if !(least..=most).contains(&count) {
                return Err(format!("{at} has {count} items"));
            }
            for item in items {
                check(root, &schema["items"], item, at, seen)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn is_a(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("the name of a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

fn checked(value: &Value) -> Result<BTreeSet<String>, String> {
    let mut seen = BTreeSet::new();
    let schema = schema();
    check(&schema, &schema, value, "report", &mut seen)?;
    Ok(seen)
}

/// Where all properties are that the schema knows.
fn properties(root: &Value, schema: &Value, at: &str) -> BTreeSet<String> {
    let part = schema["$ref"].as_str().and_then(|it| {
        let place = it.strip_prefix('#')?;
        root.pointer(place)
    });
    let schema = part.unwrap_or(schema);
    let mut all = BTreeSet::new();
    if let Some(items) = schema.get("items") {
        all.append(&mut properties(root, items, at));
    }
    let of_it = schema["properties"].as_object();
    for (name, part) in of_it.into_iter().flatten() {
        let at = format!("{at}.{name}");
        all.append(&mut properties(root, part, &at));
        all.insert(at);
    }
    all
}

/// A report that has all there is.
fn full() -> Report {
    let interval = Some(Interval {
        median: 1.5,
        low: Some(1.25),
        high: Some(2.0),
    });
    let text = || Some("it ended".to_owned());
    let name = || "a/echo".to_owned();
    let block = Block {
        block: 0,
        messages: 10,
        seconds: 0.25,
        cpu_ns: 12_345,
        switches: 3,
        ended_threads: 0,
        reaped_ns: Some(0),
        generator_cpu_ns: 1,
        generator_waited_ns: 2,
        generator_bound: false,
        floor_ns: Some(617.25),
    };
    let measured = Measured {
        name: name(),
        ratio: interval,
        cpu_ns: Some(1234.5),
        switches: Some(0.5),
        system_calls: Some(2.0),
        instructions: Some(8000.0),
        per_second: Some(9000.0),
        server_busy: Some(0.5),
        generator_busy: Some(0.5),
        generator_ns: Some(700.0),
        generator_bound: 1,
        failed: text(),
        blocks: vec![block],
    };
    let quantile = Quantile {
        quantile: 0.5,
        nanoseconds: 61_000,
        least_ns: Some(48_000),
        most_ns: Some(63_000),
    };
    Report {
        schema: SCHEMA,
        knobs: vec![("seed".to_owned(), "1".to_owned())],
        servers: vec![Entrant {
            name: name(),
            language: "Rust".to_owned(),
            stack: "axum 0.8".to_owned(),
            tcp_nodelay: Some(Nodelay::OnListener),
            not_measured: text(),
        }],
        measurements: vec![Measurement {
            workload: "16B-d1-c64".to_owned(),
            noise: interval,
            servers: vec![measured],
        }],
        memory: vec![Memory {
            workload: "idle-10".to_owned(),
            connections: 10,
            servers: vec![MemoryServer {
                name: name(),
                octets_per_connection: Some(6144.5),
                measured: vec![6144.5],
                failed: text(),
            }],
        }],
        latency: vec![Latency {
            workload: "latency-16B-c64-r5000".to_owned(),
            offered: 5000.0,
            servers: vec![LatencyServer {
                name: name(),
                achieved: Some(5000.0),
                is_valid: true,
                kept_up: Some(true),
                generator_late_ns: Some(90_000),
                disturbed: Some(0.01),
                messages: 10_000,
                quantiles: vec![quantile],
                failed: text(),
            }],
        }],
        skipped: vec!["idle-5000".to_owned()],
    }
}

/// The same, with everything left out that may be.
fn sparse() -> Report {
    let mut report = full();
    report.servers[0].not_measured = None;
    report.servers[0].tcp_nodelay = None;
    let measurement = &mut report.measurements[0];
    measurement.noise = None;
    let measured = &mut measurement.servers[0];
    *measured = Measured {
        name: measured.name.clone(),
        ratio: Some(Interval::alone(1.0)),
        cpu_ns: None,
        switches: None,
        system_calls: None,
        instructions: None,
        per_second: None,
        server_busy: None,
        generator_busy: None,
        generator_ns: None,
        generator_bound: 0,
        failed: None,
        blocks: vec![Block {
            floor_ns: None,
            reaped_ns: None,
            ..measured.blocks[0].clone()
        }],
    };
    let memory = &mut report.memory[0].servers[0];
    memory.octets_per_connection = None;
    memory.failed = None;
    memory.measured.clear();
    let latency = &mut report.latency[0].servers[0];
    latency.achieved = None;
    latency.kept_up = None;
    latency.generator_late_ns = None;
    latency.disturbed = None;
    latency.failed = None;
    latency.quantiles[0].least_ns = None;
    latency.quantiles[0].most_ns = None;
    report
}

fn value(report: &Report) -> Value {
    serde_json::to_value(report).expect("JSON")
}

#[test]
fn what_is_written_keeps_to_the_schema() {
    let seen = checked(&value(&full())).unwrap_or_else(|it| panic!("{it}"));
    let schema = schema();
    assert_eq!(properties(&schema, &schema, "report"), seen);
    checked(&value(&sparse())).unwrap_or_else(|it| panic!("{it}"));
    for nodelay in [Nodelay::Never, Nodelay::OnConnections] {
        let mut report = full();
        report.servers[0].tcp_nodelay = Some(nodelay);
        checked(&value(&report)).unwrap_or_else(|it| panic!("{it}"));
    }
    for report in [full(), sparse()] {
        let again: Report =
            serde_json::from_value(value(&report)).expect("a report");
        assert_eq!(again, report);
    }
}

#[test]
fn results_that_are_kept_are_valid() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = std::fs::read_dir(crates.join("../../docs/results"));
    let kept = kept
        .expect("a folder")
        .map(|it| it.expect("a file").path());
    let mut reports: Vec<_> = kept
        .filter(|it| it.extension().is_some_and(|it| it == "json"))
        .collect();
    assert!(!reports.is_empty());
    reports.push(crates.join("tests/report.json"));
    for path in reports {
        let text = std::fs::read_to_string(&path).expect("text");
        let value = serde_json::from_str(&text).expect("JSON");
        if let Err(wrong) = checked(&value) {
            panic!("{}: {wrong}", path.display());
        }
    }
}

#[test]
fn what_has_another_form_is_not_valid() {
    let wrong = |change: fn(&mut Value)| {
        let mut value = value(&full());
        change(&mut value);
        checked(&value).expect_err("another form")
    };
    let told = wrong(|it| it["schema"] = json!(3));
    assert_eq!(told, "report.schema is 3");
    let told = wrong(|it| it["more"] = json!(1));
    assert_eq!(told, "report.more is not there");
    let told = wrong(|it| it["knobs"][0] = json!(["seed"]));
    assert_eq!(told, "report.knobs has 1 items");
    let told = wrong(|it| it["servers"][0]["tcp_nodelay"] = json!("yes"));
    let at = "report.servers.tcp_nodelay is \"yes\"";
    assert!(told.starts_with(at), "{told}");
    let told = wrong(|it| it["skipped"][0] = json!(1));
    assert!(told.starts_with("report.skipped is 1"), "{told}");
    let told = wrong(|it| {
        let server = it["measurements"][0]["servers"][0].as_object_mut();
        server.expect("a server").remove("blocks");
    });
    assert_eq!(told, "report.measurements.servers has no \"blocks\"");
    let told = wrong(|it| {
        it["measurements"][0]["servers"][0]["ratio"]["low"] = json!("1.5");
    });
    let at = "report.measurements.servers.ratio.low is \"1.5\"";
    assert!(told.starts_with(at), "{told}");
}
