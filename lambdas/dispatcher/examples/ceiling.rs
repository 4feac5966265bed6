//! The dispatcher's client of the queue with nothing else to do: what the benchmarks compare the dispatcher with. It is never
//! shipped.
//!
//! `ceiling batches <messages>` sends prepared batches, as many at once as the dispatcher does at most; `ceiling one <messages>`
//! sends one message a call, one call after the other. Prints how long that took, in seconds.

#![expect(clippy::print_stdout, reason = "the time is this program's result")]

use std::error::Error;
use std::time::Instant;

use dispatcher::{MOST_IN_FLIGHT, queue};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use kairos::message::Mensajes;
use kairos_aws::environment::{Environment, of_process};
use kairos_aws::queue::{BATCH, Outgoing, Queue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let environment = Environment::read(of_process)?;
    let queue = queue(&environment.config, &environment.queue_url);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [how, messages] = arguments.as_slice() else {
        return Err("say how (batches or one), and how many messages".into());
    };
    let (messages, message) = (messages.parse()?, message(&environment)?);
    let begun = Instant::now();
    match how.as_str() {
        "batches" => batches(&queue, &message, messages).await?,
        "one" => one_by_one(&queue, &message, messages).await?,
        other => return Err(format!("\"{other}\" is neither batches nor one").into()),
    }
    println!("{}", begun.elapsed().as_secs_f64());
    Ok(())
}

/// A message as the dispatcher sends it.
fn message(environment: &Environment) -> Result<Outgoing, Box<dyn Error>> {
    let id = "calendarizacion-aaaaaaaaaaaaaaaaaaaaaaaaaa".parse()?;
    let messages = Mensajes::new(
        &environment.names.schedule_arn("calendarizacion-a"),
        &id,
        "2026-01-02T03:04:00Z".parse()?,
    );
    Ok(Outgoing {
        body: messages.of(&"proceso-aaaaaaaaaaaaaaaaaaaaaaaaaa".parse()?),
        group: Some(id.to_string()),
        attributes: Vec::new(),
    })
}

async fn batches(queue: &Queue, message: &Outgoing, messages: usize) -> Result<(), Box<dyn Error>> {
    let prepared = vec![message.clone(); BATCH];
    let calls = stream::iter(0..messages.div_ceil(BATCH)).map(|_| queue.send_batch(prepared.clone()));
    let rejected: usize = calls
        .buffer_unordered(MOST_IN_FLIGHT)
        .try_fold(0, async |sum, rejected| Ok(sum + rejected.len()))
        .await?;
    if rejected > 0 {
        return Err(format!("{rejected} messages were rejected").into());
    }
    Ok(())
}

async fn one_by_one(queue: &Queue, message: &Outgoing, messages: usize) -> Result<(), Box<dyn Error>> {
    for _ in 0..messages {
        queue.send(message).await?;
    }
    Ok(())
}
