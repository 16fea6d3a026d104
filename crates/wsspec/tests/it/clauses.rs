//! The table of clauses.

use wsspec::clauses::{all, clause};

#[test]
fn every_row_is_read_and_has_a_known_level() {
    assert_eq!(all().count(), 240);
    for clause in all() {
        assert!(
            matches!(
                clause.level,
                "MUST"
                    | "MUST NOT"
                    | "SHOULD"
                    | "SHOULD NOT"
                    | "MAY"
                    | "implied"
            ),
            "{clause:?}"
        );
    }
}

#[test]
fn an_id_tells_where_to_read() {
    let clause = clause("6455-5.5.2-01").expect("a clause");
    assert_eq!(clause.section(), "RFC 6455 §5.5.2");
    assert!(clause.url().ends_with("/rfc6455#section-5.5.2"));
}
