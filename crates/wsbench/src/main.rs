//! The command `wsbench`: what WebSocket servers cost, side by side.

fn main() -> std::process::ExitCode {
    wsbench::main()
}
