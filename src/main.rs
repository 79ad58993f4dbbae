use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(quota::cli::main())
}
