//! Asks an HTTP proxy for a connection to a target with `CONNECT` (RFC 9110, 9.3.6).
//!
//! hyper-util has a client for this, which accepts no status but 200 and at most 8 KiB of headers. Proxies send more.

use std::io;

use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::net::lenient::response_status;

/// The most bytes of a proxy's response.
const MAX_RESPONSE_BYTES: usize = 65_536;
/// The most interim responses before the final one.
const MAX_INTERIM: usize = 8;

/// The reason why a proxy opened no tunnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    #[error("it rejected the credentials (407): check its user and password")]
    Credentials,
    #[error("it refused the tunnel with status {0}")]
    Refused(u16),
    #[error("its response exceeds {MAX_RESPONSE_BYTES} bytes")]
    TooLong,
    #[error("its response is not valid HTTP: is it an HTTP proxy?")]
    NotHttp,
    #[error("it closed the connection before its response")]
    Closed,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Opens a tunnel to `target`, written as `host:port`, over a connection to the proxy.
pub(crate) async fn open(
    proxy: &mut (impl AsyncRead + AsyncWrite + Unpin),
    target: &str,
    authorization: Option<&HeaderValue>,
) -> Result<(), TunnelError> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(value) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    proxy.write_all(&request).await?;
    for _ in 0..MAX_INTERIM {
        match read_status(proxy).await? {
            100..=199 => {}
            200..=299 => return Ok(()),
            407 => return Err(TunnelError::Credentials),
            status => return Err(TunnelError::Refused(status)),
        }
    }
    Err(TunnelError::NotHttp)
}

/// Reads one head and returns its status. It is read byte by byte, since what follows belongs to the target; this
/// happens once per connection.
async fn read_status(proxy: &mut (impl AsyncRead + Unpin)) -> Result<u16, TunnelError> {
    let mut head = Vec::new();
    while !(head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n")) {
        if head.len() >= MAX_RESPONSE_BYTES {
            return Err(TunnelError::TooLong);
        }
        match proxy.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(TunnelError::Closed);
            }
            Err(error) => return Err(error.into()),
        }
    }
    response_status(&head).ok_or(TunnelError::NotHttp)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn opened(response: &[u8]) -> Result<String, String> {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(response).await.expect("room");
        theirs.shutdown().await.expect("an open pipe");
        open(&mut ours, "a.test:443", None).await.map_err(|it| it.to_string())?;
        let mut rest = String::new();
        ours.read_to_string(&mut rest).await.expect("text");
        Ok(rest)
    }

    #[tokio::test]
    async fn any_success_opens_a_tunnel() {
        let many = "X-Padding: some words that fill the head\r\n".repeat(400);
        for response in [
            "HTTP/1.1 200 Connection established\r\n\r\nrest".to_owned(),
            "HTTP/1.0 200 OK\n\nrest".to_owned(),
            "HTTP/1.1 204 No Content\r\n\r\nrest".to_owned(),
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\n\r\nrest".to_owned(),
            format!("HTTP/1.1 200 OK\r\n{many}\r\nrest"),
        ] {
            assert_eq!(opened(response.as_bytes()).await.as_deref(), Ok("rest"), "{response}");
        }
    }

    #[tokio::test]
    async fn a_refusal_says_why() {
        let endless = "HTTP/1.1 200 OK\r\n".to_owned() + &"X: y\r\n".repeat(20_000);
        for (response, part) in [
            ("HTTP/1.1 403 No\r\n\r\n", "status 403"),
            ("HTTP/1.1 407 Who\r\n\r\n", "credentials"),
            ("SSH-2.0-x\r\n\r\n", "not valid HTTP"),
            ("HTTP/1.1 200", "closed"),
            (&endless, "exceeds"),
        ] {
            let error = opened(response.as_bytes()).await.expect_err("no tunnel");
            assert!(error.contains(part), "{error}");
        }
    }
}
