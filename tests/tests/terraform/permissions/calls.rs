//! What IAM asks for a call, by AWS's Service Authorization Reference: told from the request alone, and from nothing that the
//! provider says of itself.
//!
//! Invariant: a call that is not known here is an error, so that a new one cannot pass unnoticed.

use acceptance::Account;
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A request as the local AWS saw it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The access key that signed it.
    pub(crate) key: String,
    service: String,
    region: String,
    method: String,
    path: String,
    query: String,
    /// The operation, where the protocol names it.
    operation: String,
    body: String,
}

/// Leave that a call needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    /// The action.
    pub(crate) action: String,
    /// What it is asked on.
    pub(crate) resource: String,
    /// What the request says for a condition: key and value.
    pub(crate) said: Option<(&'static str, String)>,
}

impl Need {
    fn on(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            said: None,
        }
    }

    fn saying(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.said = Some((key, value.into()));
        self
    }

    fn pass(role: &str, service: &str) -> Self {
        Self::on("iam:PassRole", role).saying("iam:PassedToService", format!("{service}.amazonaws.com"))
    }
}

impl Call {
    /// Reads a recorded request.
    pub(crate) fn of(recorded: &Value) -> Result<Self> {
        let text = |key: &str| recorded[key].as_str().unwrap_or_default().to_owned();
        let authorization = text("authorization");
        let scope = authorization
            .split_once("Credential=")
            .and_then(|(_, rest)| rest.split(',').next())
            .with_context(|| format!("a request that nobody signed: {recorded}"))?;
        let mut scope = scope.split('/');
        let (key, _, region, service) = (scope.next(), scope.next(), scope.next(), scope.next());
        let (path, body) = (text("path"), text("body"));
        let named = text("target").rsplit('.').next().unwrap_or_default().to_owned();
        let operation = match path.split_once("/operation/") {
            Some((_, operation)) => operation.to_owned(),
            None if named.is_empty() => form(&body, "Action").unwrap_or_default(),
            None => named,
        };
        Ok(Self {
            key: key.unwrap_or_default().into(),
            service: service.unwrap_or_default().into(),
            region: region.unwrap_or_default().into(),
            method: text("method"),
            path: path.split('?').next().unwrap_or_default().to_owned(),
            query: text("query"),
            operation,
            body,
        })
    }

    /// What IAM asks for it in `account`.
    pub(crate) fn needs(&self, account: &Account) -> Result<Vec<Need>> {
        let arn = |rest: &str| format!("arn:aws:{}:{}:{}:{rest}", self.service, self.region, account.id);
        match self.service.as_str() {
            "sts" => Ok(Vec::new()),
            "sqs" => Ok(self.sqs(&arn)),
            "dynamodb" => self.dynamodb(&arn),
            "ssm" => Ok(self.ssm(&arn)),
            "logs" => Ok(self.logs(&arn)),
            "monitoring" => Ok(self.alarms(account)),
            "sns" => Ok(self.sns(&arn)),
            "iam" => Ok(self.iam(account)),
            "lambda" => self.lambda(&arn),
            "scheduler" => self.scheduler(&arn),
            "apigateway" => Ok(self.apigateway()),
            other => bail!("calls of \"{other}\" are not known here: {self:?}"),
        }
    }

    fn sqs(&self, arn: &impl Fn(&str) -> String) -> Vec<Need> {
        let body = self.json();
        let action = format!("sqs:{}", self.operation);
        let Some(queue) = body["QueueName"].as_str().or_else(|| last(&body["QueueUrl"], '/')) else {
            return vec![Need::on(action, "*")];
        };
        let mut needs = vec![Need::on(action, arn(queue))];
        if self.operation == "CreateQueue" && body["tags"].is_object() {
            needs.push(Need::on("sqs:TagQueue", arn(queue)));
        }
        needs
    }

    /// A transaction is authorised by the actions that it is made of.
    fn dynamodb(&self, arn: &impl Fn(&str) -> String) -> Result<Vec<Need>> {
        let body = self.json();
        let table = |name: &str| arn(&format!("table/{name}"));
        if self.operation == "TransactWriteItems" {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            let parts = items.filter_map(|item| item.as_object()?.iter().next());
            return parts
                .map(|(kind, part)| {
                    let action = match kind.as_str() {
                        "Put" => "PutItem",
                        "Update" => "UpdateItem",
                        "Delete" => "DeleteItem",
                        "ConditionCheck" => "ConditionCheckItem",
                        other => bail!("\"{other}\" in a transaction is not known here"),
                    };
                    let name = part["TableName"].as_str().context("a part without a table")?;
                    Ok(Need::on(format!("dynamodb:{action}"), table(name)))
                })
                .collect();
        }
        let action = format!("dynamodb:{}", self.operation);
        if let Some(requests) = body["RequestItems"].as_object() {
            return Ok(requests.keys().map(|name| Need::on(&action, table(name))).collect());
        }
        let on = match body["TableName"].as_str() {
            Some(name) => table(name),
            None => body["ResourceArn"]
                .as_str()
                .context("a call without a table")?
                .to_owned(),
        };
        if let Some(index) = body["IndexName"].as_str() {
            return Ok(vec![Need::on(action, format!("{on}/index/{index}"))]);
        }
        let mut needs = vec![Need::on(action, &on)];
        if self.operation == "CreateTable" && body["Tags"].is_array() {
            needs.push(Need::on("dynamodb:TagResource", on));
        }
        Ok(needs)
    }

    fn ssm(&self, arn: &impl Fn(&str) -> String) -> Vec<Need> {
        let body = self.json();
        let names = body["Names"].as_array().cloned().unwrap_or_default();
        let one = ["Name", "Path", "ResourceId"].map(|key| body[key].clone());
        let names: Vec<String> = names
            .iter()
            .chain(&one)
            .filter_map(|name| name.as_str().map(|name| arn(&format!("parameter{name}"))))
            .collect();
        let mut needs: Vec<Need> = names
            .iter()
            .map(|name| Need::on(format!("ssm:{}", self.operation), name))
            .collect();
        if self.operation == "PutParameter" && body["Tags"].is_array() {
            needs.extend(names.iter().map(|name| Need::on("ssm:AddTagsToResource", name)));
        }
        needs
    }

    /// CloudWatch Logs asks on the group with `:*` behind it, but for calls that give an ARN.
    fn logs(&self, arn: &impl Fn(&str) -> String) -> Vec<Need> {
        let body = self.json();
        let action = format!("logs:{}", self.operation);
        if let Some(group) = body["resourceArn"].as_str() {
            return vec![Need::on(action, group)];
        }
        let Some(name) = body["logGroupName"].as_str() else {
            return vec![Need::on(action, arn("log-group::log-stream:"))];
        };
        let mut needs = vec![Need::on(action, arn(&format!("log-group:{name}:log-stream:")))];
        if self.operation == "CreateLogGroup" && body["tags"].is_object() {
            needs.push(Need::on("logs:TagResource", arn(&format!("log-group:{name}"))));
        }
        needs
    }

    /// The body is CBOR: its first text that is a name or an ARN of ours is the alarm's.
    fn alarms(&self, account: &Account) -> Vec<Need> {
        let alarm = |name: &str| format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", self.region, account.id);
        let action = format!("cloudwatch:{}", self.operation);
        if self.operation == "DescribeAlarms" {
            return vec![Need::on(action, alarm("*"))];
        }
        let texts = cbor_texts(&self.body);
        let ours = texts.iter().find_map(|text| match text.split_once(":alarm:") {
            Some((_, name)) => Some(name),
            None => text.starts_with(super::APP).then_some(text.as_str()),
        });
        let on = alarm(ours.unwrap_or_default());
        let mut needs = vec![Need::on(action, &on)];
        if self.operation == "PutMetricAlarm" && texts.iter().any(|text| text == "Tags") {
            needs.push(Need::on("cloudwatch:TagResource", on));
        }
        needs
    }

    fn sns(&self, arn: &impl Fn(&str) -> String) -> Vec<Need> {
        let given = |key| form(&self.body, key);
        let topic = given("TopicArn")
            .or_else(|| given("ResourceArn"))
            .or_else(|| given("Name").map(|name| arn(&name)));
        let on = topic.unwrap_or_else(|| "*".into());
        let mut needs = vec![Need::on(format!("sns:{}", self.operation), &on)];
        if self.operation == "CreateTopic" && self.body.contains("Tags.member") {
            needs.push(Need::on("sns:TagResource", on));
        }
        needs
    }

    fn iam(&self, account: &Account) -> Vec<Need> {
        let name = form(&self.body, "RoleName").unwrap_or_default();
        let role = format!("arn:aws:iam::{}:role/{name}", account.id);
        let mut needs = vec![Need::on(format!("iam:{}", self.operation), &role)];
        if self.operation == "CreateRole" && self.body.contains("Tags.member") {
            needs.push(Need::on("iam:TagRole", role));
        }
        needs
    }

    fn lambda(&self, arn: &impl Fn(&str) -> String) -> Result<Vec<Need>> {
        let body = self.json();
        let path = decoded(&self.path);
        let parts: Vec<&str> = path.trim_matches('/').splitn(3, '/').collect();
        let rest = parts.get(2).copied().unwrap_or_default();
        let function = |name: &str| arn(&format!("function:{name}"));
        let needs = match (self.method.as_str(), parts.get(1).copied().unwrap_or_default(), rest) {
            (_, "functions", "") => {
                let on = function(body["FunctionName"].as_str().context("a function without a name")?);
                let mut needs = vec![Need::on("lambda:CreateFunction", &on)];
                if body["Tags"].is_object() {
                    needs.push(Need::on("lambda:TagResource", on));
                }
                needs
            }
            (method, "functions", rest) => {
                let (name, what) = rest.split_once('/').unwrap_or((rest, ""));
                let action = match (method, what.split('/').next().unwrap_or_default()) {
                    ("GET", "") => "GetFunction",
                    ("DELETE", "") => "DeleteFunction",
                    ("GET", "configuration") => "GetFunctionConfiguration",
                    ("PUT", "configuration") => "UpdateFunctionConfiguration",
                    ("PUT", "code") => "UpdateFunctionCode",
                    ("PUT", "concurrency") => "PutFunctionConcurrency",
                    ("DELETE", "concurrency") => "DeleteFunctionConcurrency",
                    ("GET", "event-invoke-config") => "GetFunctionEventInvokeConfig",
                    ("PUT", "event-invoke-config") => "PutFunctionEventInvokeConfig",
                    ("DELETE", "event-invoke-config") => "DeleteFunctionEventInvokeConfig",
                    ("GET", "policy") => "GetPolicy",
                    ("POST", "policy") => "AddPermission",
                    ("DELETE", "policy") => "RemovePermission",
                    _ => bail!("{method} {path} is not known here"),
                };
                let mut needs = vec![Need::on(format!("lambda:{action}"), function(name))];
                if action == "GetFunction" {
                    // Without it, the answer has no tags.
                    needs.push(Need::on("lambda:ListTags", function(name)));
                }
                needs
            }
            (method, "event-source-mappings", id) => {
                let (action, on) = match (method, id) {
                    ("GET", "") => ("ListEventSourceMappings", "*".to_owned()),
                    ("POST", "") => ("CreateEventSourceMapping", "*".to_owned()),
                    ("GET", _) => ("GetEventSourceMapping", arn(&format!("event-source-mapping:{id}"))),
                    ("PUT", _) => ("UpdateEventSourceMapping", arn(&format!("event-source-mapping:{id}"))),
                    ("DELETE", _) => ("DeleteEventSourceMapping", arn(&format!("event-source-mapping:{id}"))),
                    _ => bail!("{method} {path} is not known here"),
                };
                // The mapping tells Lambda which function it is of; the stack has one.
                let executor = function(&format!("{}Executor", super::APP));
                let mut needs = vec![Need::on(format!("lambda:{action}"), on).saying("lambda:FunctionArn", executor)];
                if action == "CreateEventSourceMapping" && body["Tags"].is_object() {
                    needs.push(Need::on("lambda:TagResource", arn("event-source-mapping:new")));
                }
                needs
            }
            (method, "tags", on) => {
                let action = match method {
                    "GET" => "ListTags",
                    "POST" => "TagResource",
                    _ => "UntagResource",
                };
                vec![Need::on(format!("lambda:{action}"), on)]
            }
            (method, ..) => bail!("{method} {path} is not known here"),
        };
        let role = body["Role"].as_str().map(|role| Need::pass(role, "lambda"));
        Ok(needs.into_iter().chain(role).collect())
    }

    fn scheduler(&self, arn: &impl Fn(&str) -> String) -> Result<Vec<Need>> {
        let body = self.json();
        let path = decoded(&self.path);
        let (kind, name) = path
            .trim_matches('/')
            .split_once('/')
            .unwrap_or((path.trim_matches('/'), ""));
        let (verb, on) = match kind {
            "tags" => {
                let action = match self.method.as_str() {
                    "GET" => "ListTagsForResource",
                    "POST" => "TagResource",
                    _ => "UntagResource",
                };
                return Ok(vec![Need::on(format!("scheduler:{action}"), name)]);
            }
            "schedule-groups" => ("ScheduleGroup", arn(&format!("schedule-group/{name}"))),
            "schedules" => {
                let asked = self.query.split('&').find_map(|pair| pair.strip_prefix("groupName="));
                let group = body["GroupName"].as_str().or(asked).unwrap_or("default");
                ("Schedule", arn(&format!("schedule/{group}/{name}")))
            }
            _ => bail!("{} {path} is not known here", self.method),
        };
        let what = match self.method.as_str() {
            "GET" => "Get",
            "POST" => "Create",
            "PUT" => "Update",
            _ => "Delete",
        };
        let mut needs = vec![Need::on(format!("scheduler:{what}{verb}"), &on)];
        if body["Tags"].is_array() {
            needs.push(Need::on("scheduler:TagResource", on));
        }
        let role = body.pointer("/Target/RoleArn").and_then(Value::as_str);
        needs.extend(role.map(|role| Need::pass(role, "scheduler")));
        if what == "Delete" && verb == "ScheduleGroup" {
            // The schedules of a group go with it.
            needs.push(Need::on(
                "scheduler:DeleteSchedule",
                arn(&format!("schedule/{name}/any")),
            ));
        }
        Ok(needs)
    }

    /// API Gateway asks by verb and path; for tags that come with a creation, as for setting them afterwards.
    fn apigateway(&self) -> Vec<Need> {
        let path = self.path.strip_prefix("/v2").unwrap_or(&self.path);
        let on = |path: &str| format!("arn:aws:apigateway:{}::{path}", self.region);
        let path = if path.starts_with("/tags/") {
            path.to_owned()
        } else {
            decoded(path)
        };
        let mut needs = vec![Need::on(format!("apigateway:{}", self.method), on(&path))];
        if self.method == "POST" && self.json()["tags"].is_object() {
            needs.push(Need::on("apigateway:PUT", on("/tags/new")));
        }
        needs
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// A field of a form, decoded.
fn form(body: &str, key: &str) -> Option<String> {
    body.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name == key).then(|| decoded(&value.replace('+', " ")))
    })
}

/// The texts of up to 255 bytes in a CBOR document, told by their headers (RFC 8949, major type 3), in their order.
fn cbor_texts(body: &str) -> Vec<String> {
    let bytes: Vec<u8> = body
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or_default())
        .collect();
    let (mut texts, mut at) = (Vec::new(), 0);
    while let Some(header) = bytes.get(at) {
        let (start, length) = match header {
            0x60..=0x77 => (at + 1, usize::from(header - 0x60)),
            0x78 => (at + 2, bytes.get(at + 1).copied().map_or(0, usize::from)),
            _ => (at + 1, 0),
        };
        if let Some(text) = bytes.get(start..start + length).filter(|text| !text.is_empty()) {
            texts.push(String::from_utf8_lossy(text).into_owned());
        }
        at = start + length;
    }
    texts
}

fn last(value: &Value, separator: char) -> Option<&str> {
    value.as_str()?.rsplit(separator).next()
}

/// Text without its percent-encoding.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let hex = rest
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(hex.unwrap_or(b'%'));
        rest = &rest[at + if hex.is_some() { 3 } else { 1 }..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
