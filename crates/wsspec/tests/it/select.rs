//! Which cases run.

use wsspec::select::{NoSuchCase, folded};
use wsspec::{Level, Selection};

fn ids(selection: &Selection) -> Vec<&'static str> {
    let cases = selection.cases().expect("some cases");
    cases.iter().map(|case| case.id).collect()
}

#[test]
fn kinds_narrow_each_other_and_one_kind_widens() {
    let pings = Selection {
        autobahn: vec!["2.1".into(), "2.2".into()],
        ..Selection::default()
    };
    assert_eq!(
        ids(&pings),
        [
            "6455/5.5.2/ping-is-answered/empty",
            "6455/5.5.2/ping-is-answered/text",
        ]
    );
    let with_payload = Selection {
        clauses: vec!["6455-5.5.3-*".into()],
        levels: vec![Level::Must],
        ..pings
    };
    assert_eq!(ids(&with_payload), ["6455/5.5.2/ping-is-answered/text"]);
}

#[test]
fn what_is_nowhere_is_named() {
    let selection = Selection {
        cases: vec!["6455/5.5.2/*".into(), "nowhere".into()],
        ..Selection::default()
    };
    let error = selection.cases().expect_err("no such case");
    assert_eq!(error, NoSuchCase::Id("nowhere".into()));
    let selection = Selection {
        cases: vec!["6455/5.5.2/*".into()],
        autobahn: vec!["1.1.1".into()],
        ..Selection::default()
    };
    let error = selection.cases().expect_err("nothing fits");
    assert_eq!(error, NoSuchCase::Together);
}

#[test]
fn what_is_excluded_does_not_run() {
    let pings = || Selection {
        cases: vec!["6455/5.5.2/ping-is-answered/*".into()],
        ..Selection::default()
    };
    let all = ids(&pings());
    let without = Selection {
        exclude: vec!["*/ping-is-answered/t*".into()],
        ..pings()
    };
    let some = ids(&without);
    assert!(some.len() < all.len() && !some.is_empty());
    assert!(!some.contains(&"6455/5.5.2/ping-is-answered/text"));
    let nowhere = Selection {
        exclude: vec!["nowhere".into()],
        ..pings()
    };
    let error = nowhere.cases().expect_err("no such case");
    assert_eq!(error, NoSuchCase::Id("nowhere".into()));
}

#[test]
fn whole_families_fold() {
    let pings = Selection {
        cases: vec!["6455/5.5.2/ping-is-answered/*".into()],
        ..Selection::default()
    };
    let pings = ids(&pings);
    let more = [&pings[..], &["6455/8.1/invalid-text-fails/none"]].concat();
    let patterns = folded(&more, 3);
    let expected = [
        ("6455/5.5.2/ping-is-answered/*".to_owned(), pings.len()),
        ("6455/8.1/invalid-text-fails/none".to_owned(), 1),
    ];
    assert_eq!(patterns, expected);
    // One is missing, so nothing may stand for all.
    let most = folded(&pings[1..], 3);
    assert_eq!(most.len(), pings.len() - 1);
    // A section is wider than a rule.
    let section = Selection {
        cases: vec!["6455/5.5.2/*".into()],
        ..Selection::default()
    };
    let section = ids(&section);
    let expected = [("6455/5.5.2/*".to_owned(), section.len())];
    assert_eq!(folded(&section, 2), expected);
    assert!(folded(&section, 3).len() > 1);
}
