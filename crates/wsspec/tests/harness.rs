//! The suite as somebody's own tests: a server in the same process.

#[expect(dead_code, reason = "these tests need a part of it")]
mod reference;

use std::process::ExitCode;

use reference::{Kind, Reference};
use wsspec::harness::Harness;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let reference = runtime.block_on(Reference::start_as(Kind::Plain, None));
    Harness::at(&reference.url()).strict().run()
}
