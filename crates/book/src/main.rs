//! The command `book`: what mdBook starts to have the directives replaced.
//!
//! mdBook starts it in the folder of `book.toml`. It reads the context and the
//! book as one array of JSON, and prints the book.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

/// Seen from the folder of `book.toml`.
const CRATES: &str = "../crates";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => preprocess(),
        // What is written is Markdown, whatever is made of it.
        ["supports", _renderer] => Ok(()),
        _ => {
            eprintln!("book: mdBook starts this, see docs/book.toml");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("book: {error}");
            ExitCode::FAILURE
        }
    }
}

fn preprocess() -> Result<(), Box<dyn Error>> {
    // All of it, before anything can fail: mdBook writes without looking.
    let (_context, mut book): (Value, Value) =
        serde_json::from_str(&io::read_to_string(io::stdin())?)?;
    book::replace_all(&mut book, Path::new(CRATES))?;
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &book)?;
    Ok(out.flush()?)
}
