//! A stand-in for llama-server that costs next to nothing, so that a proxy's own cost can be measured.
//!
//! `stub [--host ADDRESS|/a.sock] [--port PORT] [--chunks N] [--delay-us N] [--reply-mb N]`; options
//! that it does not know are ignored, together with a value, so that llama-server's argv can be
//! given to it. The environment says the same: STUB_CHUNKS, STUB_DELAY_US, STUB_REPLY_MB.
//!
//! It answers `GET /health` like a llama-server that is ready; a body with `"stream":true` with that
//! many SSE chunks; `"big":true` with one reply of that many MB; anything else with one small JSON.
//! Only the standard library.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const EVENT: &str = concat!(
    "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\" hello\"}}],",
    "\"created\":1763000000,\"id\":\"chatcmpl-0123456789abcdef\",\"model\":\"m\",",
    "\"object\":\"chat.completion.chunk\"}\n\n"
);
const REPLY: &str = concat!(
    "{\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"message\":{\"role\":\"assistant\",",
    "\"content\":\"hello\"}}],\"created\":1763000000,\"model\":\"m\",\"object\":\"chat.completion\",",
    "\"usage\":{\"completion_tokens\":1,\"prompt_tokens\":10,\"total_tokens\":11}}"
);
const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const STREAM_END: &str = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

struct Options {
    host: String,
    port: u16,
    chunks: usize,
    delay: Duration,
    reply_mb: usize,
}

struct Request {
    path: String,
    body: Vec<u8>,
}

fn main() -> io::Result<()> {
    let options = Arc::new(options());
    if options.host.ends_with(".sock") {
        let _ = std::fs::remove_file(&options.host);
        let listener = UnixListener::bind(&options.host)?;
        announce_ready();
        for stream in listener.incoming() {
            let (stream, options) = (stream?, options.clone());
            thread::spawn(move || serve(stream.try_clone()?, stream, &options));
        }
    } else {
        let listener = TcpListener::bind((options.host.as_str(), options.port))?;
        println!("listening on http://{}", listener.local_addr()?);
        announce_ready();
        for stream in listener.incoming() {
            let (stream, options) = (stream?, options.clone());
            stream.set_nodelay(true)?;
            thread::spawn(move || serve(stream.try_clone()?, stream, &options));
        }
    }
    Ok(())
}

/// The line by which llama-server tells its router that it is ready; see `LLAMA_SERVER_ROUTER_PORT`.
fn announce_ready() {
    if std::env::var_os("LLAMA_SERVER_ROUTER_PORT").is_some() {
        println!("cmd_child_to_router:state:{{\"state\":\"ready\",\"payload\":{{}}}}");
        let _ = io::stdout().flush();
    }
}

fn options() -> Options {
    let args: Vec<String> = std::env::args().collect();
    let given = |flag: &str| {
        let at = args.iter().position(|word| word == flag)?;
        args.get(at + 1).cloned()
    };
    let number = |flag: &str, variable: &str, default: u64| {
        let text = given(flag).or_else(|| std::env::var(variable).ok());
        text.and_then(|t| t.parse().ok()).unwrap_or(default)
    };
    Options {
        host: given("--host").unwrap_or("127.0.0.1".into()),
        port: number("--port", "STUB_PORT", 0) as u16,
        chunks: number("--chunks", "STUB_CHUNKS", 100) as usize,
        delay: Duration::from_micros(number("--delay-us", "STUB_DELAY_US", 0)),
        reply_mb: number("--reply-mb", "STUB_REPLY_MB", 50) as usize,
    }
}

/// Answer the requests of one connection until its peer closes it.
fn serve(input: impl Read, mut output: impl Write, options: &Options) -> io::Result<()> {
    let mut input = BufReader::new(input);
    while let Some(request) = read_request(&mut input)? {
        answer(&request, &mut output, options)?;
    }
    Ok(())
}

fn read_request(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split_whitespace().nth(1).unwrap_or("/").to_string();
    let mut body = vec![0; content_length(input)?];
    input.read_exact(&mut body)?;
    Ok(Some(Request { path, body }))
}

/// Read the headers to their end. Chunked requests are not understood: nobody here sends them.
fn content_length(input: &mut impl BufRead) -> io::Result<usize> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? <= 2 {
            return Ok(length);
        }
        if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
    }
}

fn answer(request: &Request, output: &mut impl Write, options: &Options) -> io::Result<()> {
    if request.path.starts_with("/health") {
        whole(output, b"{\"status\":\"ok\"}")
    } else if contains(&request.body, b"\"stream\":true") {
        stream(output, options)
    } else if contains(&request.body, b"\"big\":true") {
        whole(output, &vec![b' '; options.reply_mb * 1_000_000])
    } else {
        whole(output, REPLY.as_bytes())
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

fn whole(output: &mut impl Write, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    output.write_all(&[head.as_bytes(), body].concat())
}

fn stream(output: &mut impl Write, options: &Options) -> io::Result<()> {
    let chunk = format!("{:x}\r\n{}\r\n", EVENT.len(), EVENT);
    output.write_all(STREAM_HEAD.as_bytes())?;
    for _ in 0..options.chunks {
        output.write_all(chunk.as_bytes())?; // one write per token, as llama-server does
        if !options.delay.is_zero() {
            thread::sleep(options.delay);
        }
    }
    output.write_all(STREAM_END.as_bytes())
}
