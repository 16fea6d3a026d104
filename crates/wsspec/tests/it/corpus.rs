//! Replays the fuzz corpus on a stable compiler.

#[path = "../../../../fuzz/src/files.rs"]
#[expect(unreachable_pub, reason = "there it is a module of a library")]
mod fuzz;

use std::path::Path;

fn replay(corpus: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(corpus);
    let inputs = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut count = 0;
    for input in inputs {
        let path = input.expect("an entry").path();
        let octets = std::fs::read(&path).expect("an input");
        // The path is what a failure has to tell.
        println!("{}", path.display());
        target(&octets);
        count += 1;
    }
    assert!(count > 10, "{count} inputs in {}", folder.display());
}

#[test]
fn the_corpus_of_results() {
    replay("results", fuzz::results);
}

#[test]
fn the_corpus_of_configurations() {
    replay("config", fuzz::config);
}
