//! One request to the receiver.

use std::time::Duration;

use axum::body::Body;
use edgefuse::config::WebhookOptions;
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::signature::Secret;
use crate::serve::sinks::stream::{Connector, Duplex, explained};

/// The longest pause that a receiver may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has the result.
    Taken,
    /// The receiver does not want it, and never will.
    Refused(String),
    /// It may succeed later, after the pause that the receiver asks for.
    Failed {
        why: String,
        pause: Option<Duration>,
        /// Whether it may be due to this result, rather than to a receiver that is away.
        own: bool,
    },
}

/// Sends requests.
pub struct Poster {
    connector: Connector,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    secret: Option<Secret>,
    timeout: Duration,
}

impl Poster {
    /// # Errors
    /// The problem, in one line.
    pub fn new(options: &WebhookOptions) -> Result<Self, String> {
        let url = &options.url;
        let mut headers = vec![
            (HOST, url.authority()),
            (CONTENT_TYPE, "application/json".to_string()),
            (USER_AGENT, concat!("edgefuse/", env!("CARGO_PKG_VERSION")).to_string()),
        ];
        if let Some(user) = &url.user {
            let credentials = base64::encode(format!("{user}:{}", url.password.as_deref().unwrap_or_default()));
            headers.push((AUTHORIZATION, format!("Basic {credentials}")));
        }
        for (name, value) in &options.headers {
            let name: HeaderName = name.parse().map_err(|_| format!("webhook.headers: `{name}` is not a header"))?;
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value.clone()));
        }
        let value = |(name, value): (HeaderName, String)| match HeaderValue::from_str(&value) {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(format!("webhook.headers: `{name}` has no plain value")),
        };
        let secret = options.secret_file.as_deref().map(Secret::read).transpose();
        Ok(Poster {
            connector: Connector::new(url, &options.tls).map_err(|problem| format!("webhook.{problem}"))?,
            path: if url.path.starts_with('/') { url.path.clone() } else { format!("/{}", url.path) },
            headers: headers.into_iter().map(value).collect::<Result<_, _>>()?,
            secret: secret.map_err(|problem| format!("webhook.secret_file: {problem}"))?,
            timeout: options.timeout,
        })
    }

    /// Sends a result; `delivery` is the same whenever it is sent again.
    pub async fn post(&self, delivery: &str, body: &[u8]) -> Outcome {
        let away = |why: String| Outcome::Failed { why, pause: None, own: false };
        let stream = match timeout(self.timeout, self.connector.connect()).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return away(format!("cannot connect: {}", explained(&error))),
            Err(_) => return away("cannot connect: no answer".to_string()),
        };
        match timeout(self.timeout, self.exchange(stream, delivery, body)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                let why = format!("the request failed: {}", explained(&error));
                Outcome::Failed { why, pause: None, own: true }
            }
            Err(_) => {
                let why = format!("no answer within {} ms", self.timeout.as_millis());
                Outcome::Failed { why, pause: None, own: true }
            }
        }
    }

    async fn exchange(&self, stream: Box<dyn Duplex>, delivery: &str, body: &[u8]) -> Result<Outcome, hyper::Error> {
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let mut request = Request::new(Body::from(body.to_vec()));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        let own = [("x-edgefuse-delivery", Some(delivery.to_string())), ("x-edgefuse-signature", self.signature(body))];
        for (name, value) in own {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                request.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        request.headers_mut().extend(self.headers.iter().cloned());
        let response = sender.send_request(request).await;
        driver.abort();
        let response = response?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        Ok(outcome(response.status(), header(RETRY_AFTER), header(LOCATION)))
    }

    fn signature(&self, body: &[u8]) -> Option<String> {
        self.secret.as_ref().map(|secret| secret.sign(body))
    }
}

/// What a status means for the result.
fn outcome(status: StatusCode, retry_after: Option<&str>, location: Option<&str>) -> Outcome {
    let answers = format!("the receiver answers {status}");
    let pause = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let failed = |why, own| Outcome::Failed { why, pause: pause.map(|pause| pause.min(LONGEST_PAUSE)), own };
    match status.as_u16() {
        200..=299 => Outcome::Taken,
        300..=399 => {
            let to = edgefuse::redact::redacted(location.unwrap_or("another address"));
            failed(format!("{answers}, and redirects, which are not followed, lead to {to}"), false)
        }
        429 | 502..=504 => failed(answers, false),
        400..=499 if status != StatusCode::REQUEST_TIMEOUT => Outcome::Refused(answers),
        _ => failed(answers, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_say_whether_to_try_again() {
        let of = |status: u16| outcome(StatusCode::from_u16(status).unwrap(), Some("7"), Some("http://u:p@h/"));
        assert_eq!((of(200), of(204)), (Outcome::Taken, Outcome::Taken));
        for status in [400, 401, 404, 413, 422] {
            assert!(matches!(of(status), Outcome::Refused(why) if why.contains(&status.to_string())));
        }
        let pause = Some(Duration::from_secs(7));
        for (status, of_the_result) in [(408, true), (500, true), (429, false), (503, false), (301, false)] {
            assert!(
                matches!(of(status), Outcome::Failed { pause: asked, own, .. } if asked == pause && own == of_the_result)
            );
        }
        assert!(matches!(of(302), Outcome::Failed { why, .. } if why.contains("http://***@h/")));
        let long = outcome(StatusCode::SERVICE_UNAVAILABLE, Some("99999"), None);
        assert!(matches!(long, Outcome::Failed { pause: Some(LONGEST_PAUSE), .. }));
    }
}
