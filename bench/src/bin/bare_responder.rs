//! The yardstick: what this machine does with glommio and httparse alone. Answers every request with
//! about 120 bytes of JSON, as a chat server's acknowledgement has, and does nothing else.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use glommio::{GlommioError, LocalExecutorBuilder, Placement};

/// Bytes of requests that a connection may have sent ahead.
const BUFFER_BYTES: usize = 16 * 1024;
const HEADERS_MAX: usize = 32;

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 120\r\n\r\n\
    {\"message_id\":\"00000000-0000-7000-8000-000000000000\",\"chat_id\":\"00000000-0000-7000-8000-000000000000\",\"at\":\"1970-01-01\"}";

/// A server that answers and does nothing.
#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value = "127.0.0.1:8001")]
    listen: SocketAddr,
    /// Pinned cores that answer.
    #[arg(long, default_value_t = 1)]
    shards: usize,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this can't be printed, the exit code has to do.
            let _ = writeln!(io::stderr(), "bare_responder: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), GlommioError<()>> {
    let listen = arguments.listen;
    let shards: Vec<_> = (0..arguments.shards)
        .map(|cpu| LocalExecutorBuilder::new(Placement::Fixed(cpu)).spawn(move || serve(listen)))
        .collect::<Result<_, _>>()?;
    for shard in shards {
        shard.join()??;
    }
    Ok(())
}

async fn serve(listen: SocketAddr) -> Result<(), GlommioError<()>> {
    let listener = TcpListener::bind(listen)?;
    loop {
        let stream = listener.accept().await?;
        glommio::spawn_local(async move {
            // A client that leaves in the middle is no concern of a yardstick.
            let _ = answer(stream).await;
        })
        .detach();
    }
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut input = vec![0; BUFFER_BYTES];
    let mut filled = 0;
    let mut output = Vec::new();
    loop {
        let count = stream.read(&mut input[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let mut taken = 0;
        while let Some(length) = request_length(&input[taken..filled])? {
            taken += length;
            output.extend_from_slice(REPLY);
        }
        input.copy_within(taken..filled, 0);
        filled -= taken;
        stream.write_all(&output).await?;
        output.clear();
    }
}

/// Bytes of the first request, if it is there as a whole.
fn request_length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let status = request.parse(bytes).map_err(io::Error::other)?;
    let httparse::Status::Complete(head) = status else {
        return Ok(None);
    };
    let body = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| str::from_utf8(header.value).ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    Ok((bytes.len() >= head + body).then_some(head + body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_its_body() {
        let request = b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nabGET";
        let whole = request.len() - 3;
        assert_eq!(request_length(&request[..whole - 1]).ok(), Some(None));
        assert_eq!(request_length(request).ok(), Some(Some(whole)));
    }

    #[test]
    fn the_reply_announces_its_own_length() {
        let reply = String::from_utf8_lossy(REPLY);
        let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_default();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
    }
}
