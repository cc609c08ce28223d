//! From `main` to an exit code.

use std::future::Future;
use std::process::ExitCode;

use anyhow::{Context, Result};
use lanlens_node::platform::give_back_large_blocks;

use crate::{EXIT_FAILED, init_logging, say_error};

/// Runs a program's work; its error is told in one line. Once the work is done nothing is waited
/// for: a camera that is slow to close must not keep a program that has said goodbye.
pub fn run(work: impl Future<Output = Result<u8>>) -> ExitCode {
    give_back_large_blocks();
    init_logging();
    let code = tokio::runtime::Runtime::new().context("cannot start threads").and_then(|runtime| {
        let code = runtime.block_on(work);
        runtime.shutdown_background();
        code
    });
    match code {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say_error(&error);
            ExitCode::from(EXIT_FAILED)
        }
    }
}
