//! A load generator that costs little: keep-alive connections, one thread each, one line of JSON.
//!
//! `load --port PORT [--connections N] [--seconds S] [--requests N] [--kind plain|stream|big]
//!       [--rate R] [--model NAME] [--body-kb N] [--path PATH]`
//!
//! Ends after so many seconds or so many requests, whichever comes first. Prints requests and SSE
//! chunks per second, the time to the first byte in ms (median, 99th per cent), errors, bytes.
//!
//! Without `--rate` each connection asks again once it was answered (a closed loop): a server that is
//! faster is asked more. With it, R requests a second fall due on all connections together, at random
//! times that are the same in each run, whatever the server does (an open loop). A request whose
//! connection is still busy waits for it, and its time counts from the moment at which it was due.
//! Talks to 127.0.0.1 only, and only the standard library is used.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const PIECE: usize = 65536;
const READ_TIMEOUT: Duration = Duration::from_secs(20);

struct Plan {
    port: u16,
    request: Vec<u8>,
    until: Instant,
    left: AtomicU64, // requests that may still be begun
    rate: f64,       // requests a second of each connection; 0: as soon as it was answered
}

/// When the requests of one connection fall due, if they do so whatever the server does.
struct Schedule {
    next: Instant,
    rate: f64,
    seed: u64,
}

impl Schedule {
    fn new(number: u64, rate: f64) -> Schedule {
        Schedule {
            next: Instant::now(),
            rate,
            seed: number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }

    /// Wait until the next one is due, and return from when its time counts; None: the end comes first.
    fn wait(&mut self, until: Instant) -> Option<Instant> {
        if self.rate <= 0.0 {
            return Some(Instant::now()).filter(|now| *now < until);
        }
        let pause = -(1.0 - self.random()).ln() / self.rate; // as those of independent clients are
        self.next += Duration::from_secs_f64(pause);
        if self.next >= until {
            return None;
        }
        match self.next.checked_duration_since(Instant::now()) {
            Some(left) => {
                thread::sleep(left);
                Some(Instant::now()) // to wake late is the generator's fault
            }
            None => Some(self.next), // the connection was busy
        }
    }

    /// At least 0, less than 1 (xorshift64*).
    fn random(&mut self) -> f64 {
        self.seed ^= self.seed >> 12;
        self.seed ^= self.seed << 25;
        self.seed ^= self.seed >> 27;
        (self.seed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[derive(Default)]
struct Tally {
    requests: u64,
    chunks: u64,
    errors: u64,
    bytes: u64,
    first_bytes_ms: Vec<f64>,
}

/// One reply, read as far as is needed to know its end.
struct Reply {
    ok: bool,
    chunks: u64,
    bytes: u64,
    first_byte: Duration,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let connections: u64 = option(&args, "--connections", "1")
        .parse()
        .expect("a number");
    let start = Instant::now();
    let plan = Arc::new(plan(&args, start, connections));
    let workers: Vec<_> = (0..connections)
        .map(|number| {
            let plan = plan.clone();
            thread::spawn(move || work(&plan, number))
        })
        .collect();
    let mut total = Tally::default();
    for worker in workers {
        total.add(worker.join().expect("a worker does not panic"));
    }
    total.print(start.elapsed().as_secs_f64());
}

fn option(args: &[String], name: &str, default: &str) -> String {
    let at = args.iter().position(|word| word == name);
    at.and_then(|i| args.get(i + 1))
        .cloned()
        .unwrap_or(default.into())
}

fn plan(args: &[String], start: Instant, connections: u64) -> Plan {
    let rate: f64 = option(args, "--rate", "0").parse().expect("a number");
    let seconds: f64 = option(args, "--seconds", "5").parse().expect("a number");
    let requests: u64 = option(args, "--requests", "1000000000")
        .parse()
        .expect("a number");
    Plan {
        port: option(args, "--port", "")
            .parse()
            .expect("--port PORT is needed"),
        request: request(args),
        until: start + Duration::from_secs_f64(seconds),
        left: AtomicU64::new(requests),
        rate: rate / connections as f64,
    }
}

fn request(args: &[String]) -> Vec<u8> {
    let padding = "x".repeat(option(args, "--body-kb", "1").parse::<usize>().unwrap_or(1) * 1024);
    let kind = match option(args, "--kind", "plain").as_str() {
        "stream" => "\"stream\":true",
        "big" => "\"big\":true",
        _ => "\"stream\":false",
    };
    let body = format!(
        "{{\"model\":\"{}\",{kind},\"messages\":[{{\"role\":\"user\",\"content\":\"{padding}\"}}]}}",
        option(args, "--model", "m")
    );
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n",
        option(args, "--path", "/v1/chat/completions")
    );
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn work(plan: &Plan, number: u64) -> Tally {
    let mut tally = Tally::default();
    let mut schedule = Schedule::new(number, plan.rate);
    let mut connection: Option<TcpStream> = None;
    let mut buffer = vec![0; PIECE];
    while take_one(&plan.left) {
        let Some(begun) = schedule.wait(plan.until) else {
            break;
        };
        match exchange(&mut connection, plan, &mut buffer, begun) {
            Ok(reply) => tally.count(reply),
            Err(_) => {
                tally.errors += 1;
                connection = None;
                thread::sleep(Duration::from_millis(5)); // a dead server is not hammered
            }
        }
    }
    tally
}

fn take_one(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
        .is_ok()
}

fn exchange(
    connection: &mut Option<TcpStream>,
    plan: &Plan,
    buffer: &mut [u8],
    begun: Instant,
) -> io::Result<Reply> {
    if connection.is_none() {
        let stream = TcpStream::connect(("127.0.0.1", plan.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        *connection = Some(stream);
    }
    let stream = connection.as_mut().expect("just made");
    stream.write_all(&plan.request)?;
    read_reply(stream, buffer, begun)
}

fn read_reply(stream: &mut TcpStream, buffer: &mut [u8], begun: Instant) -> io::Result<Reply> {
    let mut head = Vec::new();
    let mut first_byte = None;
    let body_at = loop {
        let count = read_some(stream, buffer)?;
        first_byte.get_or_insert_with(|| begun.elapsed());
        head.extend_from_slice(&buffer[..count]);
        if let Some(at) = find(&head, b"\r\n\r\n") {
            break at + 4;
        }
    };
    let mut body = Body::after(&head[..body_at]);
    body.take(&head[body_at..]);
    while !body.is_whole() {
        let count = read_some(stream, buffer)?;
        body.take(&buffer[..count]);
    }
    Ok(Reply {
        ok: head.starts_with(b"HTTP/1.1 200"),
        chunks: body.chunks,
        bytes: body_at as u64 + body.bytes,
        first_byte: first_byte.unwrap_or_default(),
    })
}

fn read_some(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    match stream.read(buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

/// How far a body has come; keeps only its last bytes, so that a big one is not gathered.
struct Body {
    length: Option<u64>, // None: chunked
    bytes: u64,
    chunks: u64,
    tail: Vec<u8>,
}

impl Body {
    const TAIL: usize = 8; // longer than both marks that are looked for across pieces

    fn after(head: &[u8]) -> Body {
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length = line.and_then(|value| value.trim().parse().ok());
        Body {
            length,
            bytes: 0,
            chunks: 0,
            tail: Vec::new(),
        }
    }

    fn take(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        if self.length.is_some() {
            return;
        }
        let old = self.tail.len();
        self.tail.extend_from_slice(piece);
        let marks = self.tail.windows(6).enumerate();
        let fresh = marks.filter(|(at, window)| at + 6 > old && *window == b"data: ");
        self.chunks += fresh.count() as u64;
        self.tail
            .drain(..self.tail.len().saturating_sub(Self::TAIL));
    }

    fn is_whole(&self) -> bool {
        match self.length {
            Some(length) => self.bytes >= length,
            None => self.tail.ends_with(b"0\r\n\r\n"),
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

impl Tally {
    fn count(&mut self, reply: Reply) {
        if !reply.ok {
            self.errors += 1;
            return;
        }
        self.requests += 1;
        self.chunks += reply.chunks;
        self.bytes += reply.bytes;
        self.first_bytes_ms
            .push(reply.first_byte.as_secs_f64() * 1e3);
    }

    fn add(&mut self, other: Tally) {
        self.requests += other.requests;
        self.chunks += other.chunks;
        self.errors += other.errors;
        self.bytes += other.bytes;
        self.first_bytes_ms.extend(other.first_bytes_ms);
    }

    fn print(mut self, seconds: f64) {
        self.first_bytes_ms.sort_by(f64::total_cmp);
        println!(
            "{{\"seconds\":{seconds:.3},\"requests\":{},\"requests_per_second\":{:.1},\
             \"chunks_per_second\":{:.1},\"first_byte_ms\":{:.4},\"first_byte_ms_p99\":{:.4},\
             \"errors\":{},\"bytes\":{}}}",
            self.requests,
            self.requests as f64 / seconds,
            self.chunks as f64 / seconds,
            self.quantile(0.5),
            self.quantile(0.99),
            self.errors,
            self.bytes,
        );
    }

    fn quantile(&self, share: f64) -> f64 {
        let last = self.first_bytes_ms.len().saturating_sub(1);
        *self
            .first_bytes_ms
            .get((last as f64 * share) as usize)
            .unwrap_or(&0.0)
    }
}
