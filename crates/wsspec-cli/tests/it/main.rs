//! The tests of `wsspec-cli`, in one program.

mod commands;
mod hostile;
mod manual;
mod tls;
