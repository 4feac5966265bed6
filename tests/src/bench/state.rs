//! Where terraform keeps a state of thousands of instances: behind HTTP, as teams keep theirs in a bucket.
//!
//! A local state is written whole after each instance, which at 5,000 of them takes longer than all that is measured; a
//! remote one is sent every twenty seconds and at the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

/// A server of one state, for terraform's backend `http`. It ends with this process.
#[derive(Debug)]
pub struct State {
    address: SocketAddr,
}

impl State {
    /// A server without a state.
    pub fn serve() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("opening the state's server")?;
        let address = listener.local_addr().context("reading the state's address")?;
        let held: Arc<Mutex<Vec<u8>>> = Arc::default();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let held = Arc::clone(&held);
                // A client that is not served sees a closed connection.
                thread::spawn(move || answer(&client, &held).ok());
            }
        });
        Ok(Self { address })
    }

    /// The block that makes a configuration keep its state here.
    pub fn backend(&self) -> String {
        format!(
            "terraform {{\n  backend \"http\" {{\n    address = \"http://{}/\"\n  }}\n}}\n",
            self.address
        )
    }
}

/// Answers one request, and closes: `GET` what is held, `POST` what is to be.
fn answer(mut client: &TcpStream, held: &Mutex<Vec<u8>>) -> Result<()> {
    let mut reader = BufReader::new(client);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, told) = match first.split(' ').next() {
        Some("GET") if held.is_empty() => ("404 Not Found", Vec::new()),
        Some("GET") => ("200 OK", held.clone()),
        Some("POST") => {
            *held = body;
            ("200 OK", Vec::new())
        }
        _ => ("405 Method Not Allowed", Vec::new()),
    };
    write!(
        client,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        told.len()
    )?;
    client.write_all(&told)?;
    Ok(())
}
