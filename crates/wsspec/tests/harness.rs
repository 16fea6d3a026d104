//! The suite as somebody's own tests: a server in the same process.

use std::process::ExitCode;

use wsspec::harness::Harness;
use wsspec_reference::{Kind, Reference};

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let reference = runtime.block_on(Reference::start_as(Kind::Plain, None));
    Harness::at(&reference.url()).strict().run()
}
