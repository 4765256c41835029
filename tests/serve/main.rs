//! `edgefuse serve` with made models: protocols, limits, access, start and end. scripts/test_serve.sh has the clients that
//! others wrote.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
#[allow(dead_code, reason = "tests/cli uses the rest")]
#[path = "../cli/binary.rs"]
mod binary;
#[allow(dead_code, reason = "the tests of the sink use the rest")]
#[path = "../../src/serve/sinks/mqtt/tests/broker.rs"]
mod broker;
mod chat;
mod client;
mod dashboard;
mod embeddings;
mod language;
mod life;
mod limits;
mod openapi;
mod own;
mod page;
mod realtime;
mod search;
mod server;
mod sinks;
mod sources;
#[allow(dead_code, reason = "tests/cli uses the rest")]
#[path = "../cli/stream.rs"]
mod stream;
mod transcriptions;
mod wyoming;
