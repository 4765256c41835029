//! A language model that answers several conversations at once: each as if it were alone.

use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use edgefuse::Error;
use edgefuse::config::ReplyOptions;
use edgefuse::engine::EngineError;
use edgefuse::models::Loader;
use edgefuse::models::chat::{Message, Prompt, Reply};
use edgefuse::models::llm::LanguageModel;
use edgefuse::request::{Priority, Request};

use crate::{engine, root};

fn model() -> LanguageModel {
    let engine = Arc::new(engine());
    LanguageModel::load(Loader::open(&engine, root().join("tests/fixtures/tiny/llm")).unwrap()).unwrap()
}

/// Conversations of different lengths, with answers of different lengths.
fn prompt(number: usize) -> (Vec<Message>, ReplyOptions) {
    let text = "the house and the river ".repeat(number + 1);
    (vec![Message::new("user", text)], ReplyOptions { max_tokens: Some(4 + 5 * number), ..ReplyOptions::default() })
}

fn ask(model: &LanguageModel, number: usize) -> Result<Reply, Error> {
    let (messages, options) = prompt(number);
    model.chat(Prompt::Messages(&messages), &options)
}

/// The text, and the ids and log-probabilities of its tokens.
fn written(reply: &Reply) -> (String, Vec<(i64, f32)>) {
    (reply.text.clone(), reply.tokens.iter().map(|token| (token.id, token.log_probability)).collect())
}

/// A request that waits at its first token until all have one.
fn meeting(all: &Arc<Barrier>) -> Request {
    let (all, first) = (all.clone(), Mutex::new(true));
    Request::new(Priority::Interactive).on_token(move |_| {
        if std::mem::take(&mut *first.lock().unwrap()) {
            all.wait();
        }
    })
}

#[test]
fn conversations_at_once_are_answered_as_one_after_another() {
    // Two more than there are rows.
    const COUNT: usize = 10;
    let model = model();
    let alone: Vec<_> = (0..COUNT).map(|number| written(&ask(&model, number).unwrap())).collect();
    let all = Arc::new(Barrier::new(COUNT));
    let together: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..COUNT)
            .map(|number| {
                let (request, model) = (meeting(&all), &model);
                scope.spawn(move || written(&request.run(|| ask(model, number)).unwrap()))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (number, (alone, together)) in alone.iter().zip(&together).enumerate() {
        assert_eq!(alone.0, together.0, "{number}");
        for ((id, before), (_, after)) in alone.1.iter().zip(&together.1) {
            assert!((before - after).abs() < 1e-4, "{number}, token {id}: {before} and {after}");
        }
    }
}

#[test]
fn one_that_is_cancelled_or_late_leaves_the_others_as_they_are() {
    let model = model();
    let alone: Vec<_> = (0..4).map(|number| written(&ask(&model, number).unwrap())).collect();
    let all = Arc::new(Barrier::new(4));
    thread::scope(|scope| {
        for (number, alone) in alone.iter().enumerate() {
            let (mut request, model) = (meeting(&all), &model);
            match number {
                0 => {
                    let cancel = request.clone();
                    let all = all.clone();
                    request = request.on_token(move |_| {
                        all.wait();
                        cancel.cancel();
                    });
                }
                1 => request = request.on_text(|_| thread::sleep(Duration::from_millis(30))),
                _ => {}
            }
            scope.spawn(move || match request.run(|| ask(model, number)) {
                Ok(reply) => assert_eq!((number > 0, &written(&reply).0), (true, &alone.0)),
                Err(error) => {
                    assert!(number == 0 && matches!(error, Error::Engine(EngineError::Stopped(_))), "{error}")
                }
            });
        }
    });
    // The rows are free again.
    assert_eq!(written(&ask(&model, 3).unwrap()).0, alone[3].0);
}
