//! What the fuzz targets check of the files that wsspec reads, for any octets.
//!
//! Apart from the targets, so that `crates/wsspec/tests/corpus.rs` can replay
//! the corpus on a stable compiler.

use wsspec::baseline::{self, Outcomes};
use wsspec::diff::Diff;
use wsspec::page::page;
use wsspec::results::{Results, junit, markdown};
use wsspec::target::Server;
use wsspec::{Outcome, cases};

/// Results that can be read can be written in every form, are the same when
/// they are read again, and differ in nothing from themselves.
pub fn results(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(results) = Results::read(text) else {
        return;
    };
    let written = serde_json::to_string(&results).expect("JSON");
    let again = Results::read(&written).expect("results");
    assert_eq!(again, results);
    let page = page(&results, true).expect("a page");
    assert!(!page.contains("__DATA__") || text.contains("__DATA__"));
    _ = markdown(&results, true);
    _ = junit(&results, true).expect("XML");
    let diff = Diff::of(&results, &results);
    let names: std::collections::BTreeSet<_> = results
        .targets
        .iter()
        .map(|it| &it.name)
        .collect();
    if names.len() == results.targets.len() {
        assert!(diff.new_targets.is_empty() && diff.gone_targets.is_empty());
    }
}

/// A `server.toml` that can be read can be brought up to date: what comes out
/// can be read, knows everything that is broken, and is up to date.
///
/// The first octet says what is broken.
pub fn config(data: &[u8]) {
    let Some((seed, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let Ok(server) = Server::parse(text) else {
        return;
    };
    let outcomes = outcomes(&server, usize::from(*seed));
    let updated = baseline::update(text, &server, &outcomes, false)
        .expect("it was TOML before");
    let server = Server::parse(&updated.text)
        .unwrap_or_else(|error| panic!("{error}\n{}", updated.text));
    for (variant, outcomes) in &outcomes {
        for case in cases::all() {
            let known = server.known(variant);
            let is_known = known.iter().any(|it| it.names(case));
            if outcomes[case.id] == Outcome::Fail {
                assert!(is_known, "{} in {variant}", case.id);
            }
        }
    }
    let again = baseline::update(&updated.text, &server, &outcomes, false)
        .expect("it is TOML");
    assert_eq!(again.text, updated.text);
}

/// Some cases fail, others pass, and not the same in each variant.
fn outcomes(server: &Server, seed: usize) -> Outcomes {
    let variants = server.variant.keys().take(4).enumerate();
    variants
        .map(|(at, name)| {
            let of = |number: usize| match (number + at) * (seed + 1) % 7 {
                0 => Outcome::Fail,
                1 => Outcome::Unsupported,
                _ => Outcome::Pass,
            };
            let cases = cases::all().enumerate();
            let outcomes = cases.map(|(number, case)| (case.id, of(number)));
            (name.clone(), outcomes.collect())
        })
        .collect()
}
