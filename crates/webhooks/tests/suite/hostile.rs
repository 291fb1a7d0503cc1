//! Addresses that lead to where nobody but this service gets, and receivers that misbehave.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use url::Url;
use zkpool_types::api::CreateWebhook;
use zkpool_webhooks::http::HttpSender;
use zkpool_webhooks::{AddressPolicy, Request, SendError, Sender};

use crate::world::World;

/// Time that a trap is watched after the last address was tried.
const WATCH: Duration = Duration::from_millis(200);

/// A listener on every address of this machine that nothing should connect to.
struct Trap {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Trap {
    async fn set() -> Self {
        // Of IPv6, which takes IPv4 too unless the system says otherwise.
        let listener = match TcpListener::bind("[::]:0").await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind("0.0.0.0:0").await.unwrap(),
        };
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { port, connections }
    }

    async fn connections(&self) -> usize {
        let _ = timeout(WATCH, std::future::pending::<()>()).await;
        self.connections.load(Ordering::SeqCst)
    }
}

/// A resolver to which every name stands for these addresses.
struct Names(Vec<IpAddr>);

impl Resolve for Names {
    fn resolve(&self, _: Name) -> Resolving {
        let found: Vec<_> = self.0.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
        Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
    }
}

fn names(addresses: &[&str]) -> Arc<Names> {
    Arc::new(Names(addresses.iter().map(|address| address.parse().unwrap()).collect()))
}

fn request(url: Url) -> Request {
    Request { url, headers: Vec::new(), body: "{}".to_owned() }
}

/// Spellings of this machine, its networks, and of IPv4 inside of IPv6.
const HOSTS: &[&str] = &[
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "127.0.0.0x1",
    "0",
    "0.0.0.0",
    "0x0",
    "00",
    "10.0.0.1",
    "172.17.0.1",
    "192.168.0.1",
    "192.168.257",
    "3232235777",
    "0xc0a80101",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.43518",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.0.0.1",
    "192.88.99.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[0000::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:7f00:1::]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[ff0e::1]",
    "[2001:db8::1]",
    "[100::1]",
    "[3fff::1]",
    "[5f00::1]",
    "１２７.0.0.1",
    "127。0。0。1",
    "127｡0｡0｡1",
    "%31%32%37.0.0.1",
    "①②⑦.0.0.1",
    "0x7f。1",
];

/// Names that stand for them, or that resolvers are fooled by.
const NAMES: &[&str] = &[
    "localhost",
    "localhost.",
    "LOCALHOST",
    "sub.localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "127.0.0.1.nip.example",
    "metadata.internal",
    "metadata.google.internal",
    "instance-data",
    "router.local",
    "a.example",
    "xn--bcher-kva.example",
    "kubernetes.default.svc",
    "trap",
];

/// Every hostile address, with the trap's port.
fn addresses(port: u16) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for host in HOSTS.iter().chain(NAMES) {
        all.insert(format!("https://{host}:{port}/"));
        all.insert(format!("http://{host}:{port}/hook"));
        all.insert(format!("https://a.example:443@{host}:{port}/"));
    }
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        for scheme in ["ftp", "gopher", "file", "ws", "wss", "dict", "ldap", "javascript", "data"] {
            all.insert(format!("{scheme}://{host}:{port}/"));
        }
        all.insert(format!("https:\\\\{host}:{port}\\"));
        all.insert(format!("https:/{host}:{port}/"));
        all.insert(format!("https:{host}:{port}/"));
        all.insert(format!(" https://{host}:{port}/"));
        all.insert(format!("ht\ttps://{host}:{port}/"));
        all.insert(format!("https://{host}\t:{port}/"));
        all.insert(format!("https://{host}:{port}/#@a.example"));
        all.insert(format!("https://a.example\\@{host}:{port}/"));
        all.insert(format!("//{host}:{port}/"));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hostile_address_is_ever_connected_to() {
    let trap = Trap::set().await;
    let addresses = addresses(trap.port);
    assert!(addresses.len() >= 200, "{} addresses", addresses.len());
    let world = World::new();
    // Whatever a name is asked for, it stands for this machine.
    let sender = HttpSender::resolving(AddressPolicy::Public, names(&["127.0.0.1"])).unwrap();
    let mut registered = 0;
    for address in &addresses {
        let webhook = CreateWebhook { url: address.clone(), events: Vec::new() };
        if let Ok(created) = world.webhooks.create(&world.project, webhook).await {
            registered += 1;
            world.webhooks.remove(&world.project, created.webhook.id).await.unwrap();
        }
        // Also what could not be registered, as if it had been before there was a policy.
        if let Ok(url) = Url::parse(address) {
            let sent = sender.send(request(url)).await;
            assert_eq!(sent, Err(SendError::NotPublic), "{address}");
        }
    }
    // Names look like those of anyone until they are looked up.
    assert!((1..=3 * NAMES.len()).contains(&registered), "{registered} were registered");
    assert_eq!(trap.connections().await, 0);
    // And the trap works.
    let url = format!("https://127.0.0.1:{}/", trap.port).parse().unwrap();
    let _ = timeout(WATCH, anywhere().send(request(url))).await;
    assert_eq!(trap.connections().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_one_address_that_is_not_public_is_not_connected_to_at_all() {
    let trap = Trap::set().await;
    for hidden in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "fd00:ec2::254"] {
        let resolver = names(&["93.184.216.34", hidden]);
        let sender = HttpSender::resolving(AddressPolicy::Public, resolver).unwrap();
        let url = format!("https://rebound.example:{}/", trap.port).parse().unwrap();
        assert_eq!(sender.send(request(url)).await, Err(SendError::NotPublic), "{hidden}");
    }
    assert_eq!(trap.connections().await, 0);
}

/// A receiver that answers every request with this and nothing more.
async fn answering(answer: String) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = timeout(Duration::from_secs(60), std::future::pending::<()>()).await;
            });
        }
    });
    url.parse().unwrap()
}

fn anywhere() -> HttpSender {
    HttpSender::new(AddressPolicy::Anywhere).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let trap = Trap::set().await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("http://127.0.0.1:{}/", trap.port);
        let answer = format!("HTTP/1.1 {status} x\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        let url = answering(answer).await;
        assert_eq!(anywhere().send(request(url)).await.unwrap().status, status);
    }
    assert_eq!(trap.connections().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_not_waited_for() {
    let url = answering("HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\nx".into()).await;
    let answer = timeout(Duration::from_secs(10), anywhere().send(request(url))).await;
    assert_eq!(answer.expect("it waits").unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_to_wait_is_read_from_the_answer() {
    let answer = "HTTP/1.1 429 x\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n";
    let url = answering(answer.to_owned()).await;
    let answer = anywhere().send(request(url)).await.unwrap();
    assert_eq!((answer.status, answer.retry_after), (429, Some(Duration::from_secs(120))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_a_broken_connection() {
    for answer in ["", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 2", "\u{0}\u{1}\u{2}\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        let sent = anywhere().send(request(url)).await;
        assert_eq!(sent, Err(SendError::Broken), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_listens_there_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    assert_eq!(anywhere().send(request(url)).await, Err(SendError::NoConnection));
}
