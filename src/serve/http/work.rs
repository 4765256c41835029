//! From a request to the pipeline and back.

use axum::extract::Request as HttpRequest;
use axum::http::{HeaderMap, StatusCode, header};
use edgefuse::config::Step;
use edgefuse::pipeline::Pipeline;
use edgefuse::request::{Priority, Request};
use edgefuse::{Record, RecordResult};
use tokio::sync::OwnedSemaphorePermit;

use super::Api;
use super::body::{self, Held};
use super::failure::Failure;

impl Api {
    /// The header and the whole body of a request.
    pub async fn receive(&self, request: HttpRequest) -> Result<(HeaderMap, Held), Failure> {
        let (parts, body) = request.into_parts();
        let board = self.service.board();
        let held = body::read(&board, &self.service.metrics, body).await?;
        let coding = parts.headers.get_all(header::CONTENT_ENCODING).iter().find(|it| *it != "identity");
        match coding {
            None => Ok((parts.headers, held)),
            Some(coding) => {
                let coding = String::from_utf8_lossy(coding.as_bytes());
                let message = format!("the body is compressed (`{coding}`): send it without `Content-Encoding`");
                Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message))
            }
        }
    }

    /// A request to the library on behalf of a client.
    pub fn request(&self) -> Request {
        let work_time = self.service.board().limits.work_time;
        self.service.metrics.observe(Request::new(Priority::Interactive).with_timeout(work_time))
    }

    /// Runs `steps` on each record. `permit` is the records' reservation of memory for request bodies.
    pub async fn process(
        &self,
        request: Request,
        permit: Option<OwnedSemaphorePermit>,
        steps: Vec<Step>,
        records: Vec<Record>,
    ) -> Result<Vec<RecordResult>, Failure> {
        let service = self.service.clone();
        let work = self.service.work(request, move |board| {
            let _permit = permit;
            let pipeline = Pipeline::new(board.models.clone(), &steps)?;
            let mut results = Vec::with_capacity(records.len());
            for record in records {
                let result = pipeline.process(&record, &mut |_, _| {})?;
                service.metrics.processed(&result);
                results.push(result);
            }
            Ok(results)
        });
        Ok(work.await?)
    }

    /// Like [`Api::process`], for one record. A failed step is an error.
    pub async fn process_one(
        &self,
        request: Request,
        permit: Option<OwnedSemaphorePermit>,
        steps: Vec<Step>,
        record: Record,
    ) -> Result<RecordResult, Failure> {
        let result = self.process(request, permit, steps, vec![record]).await?.pop();
        let result = result.ok_or_else(|| Failure::invalid("there is nothing to process"))?;
        whole(&result)?;
        Ok(result)
    }

    /// The configured model with this name; `None` for names that leave the choice to the device file, unless a model is
    /// called like that.
    pub fn model(&self, name: Option<&str>, aliases: &[&str]) -> Result<Option<String>, Failure> {
        let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else { return Ok(None) };
        let board = self.service.board();
        let models = &board.device().models;
        if models.contains_key(name) {
            return Ok(Some(name.to_string()));
        }
        if aliases.contains(&name) {
            return Ok(None);
        }
        let others = aliases.iter().copied().filter(|alias| !models.contains_key(*alias));
        let known: Vec<&str> = others.chain(models.keys().map(String::as_str)).collect();
        Err(Failure::model_not_found(name, &known.join(", ")))
    }
}

/// The first error of a result, as the error of the request.
pub fn whole(result: &RecordResult) -> Result<(), Failure> {
    let failed = |problem: &&str| Failure::new(StatusCode::BAD_REQUEST, "invalid_input", problem.to_string());
    result.errors().first().map_or(Ok(()), |problem| Err(failed(problem)))
}
