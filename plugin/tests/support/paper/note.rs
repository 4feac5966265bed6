//! A note: a file of the cloud.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tfplugin::{
    Attr, Attribute, CreateRequest, Ctx, DataSource, Diagnostic, Diagnostics, Imported, MoveSource, Nested, Number,
    Outcome, Path, Plan, PlanRequest, Private, Resource, Schema, Set, Type, UpdateRequest, Value, model,
};

use crate::Cloud;

pub(crate) struct Notes;

model! {
    pub(crate) struct Note {
        id: Attr<String>,
        name: Attr<String>,
        text: Attr<String>,
        length: Attr<i64>,
        ratio: Attr<Number>,
        tags: Attr<Set<String>>,
        author: Attr<Author>,
        lines: Attr<Vec<Attr<Line>>>,
        key_wo: Attr<String>,
        mishap: Attr<String>,
    }
}

model! {
    pub(crate) struct Author {
        name: Attr<String>,
        pen: Attr<String>,
    }
}

model! {
    pub(crate) struct Line {
        number: Attr<i64>,
    }
}

impl Resource for Notes {
    const NAME: &'static str = "paper_note";
    type Model = Note;
    type Configured = Cloud;

    fn schema(&self) -> Schema {
        let somebody = |value: &Value| match value.as_str() {
            Some("") => Err("somebody must have written it".to_owned()),
            _ => Ok(()),
        };
        let author = Nested::new()
            .attribute(
                "name",
                Attribute::string().required().requires_replace().validate(somebody),
            )
            .attribute("pen", Attribute::string().default("ink"));
        let positive = |value: &Value| match value {
            Value::Number(number) if number.as_i64().is_none_or(|n| n < 1) => Err("lines count from 1".to_owned()),
            _ => Ok(()),
        };
        let line = Nested::new().attribute("number", Attribute::int().required().validate(positive));
        Schema::new(1)
            .attribute("id", Attribute::string().computed().keep())
            .attribute("name", Attribute::string().required().requires_replace())
            .attribute("text", Attribute::string().default("empty"))
            .attribute("length", Attribute::int().computed())
            .attribute("ratio", Attribute::number().optional())
            .attribute("tags", Attribute::set(Type::String).optional())
            .attribute("author", Attribute::single(author).optional())
            .attribute("lines", Attribute::nested_list(line).optional())
            .attribute("key_wo", Attribute::string().optional().sensitive().write_only())
            .attribute("mishap", Attribute::string().optional())
    }

    fn validate(&self, config: &Note, diagnostics: &mut Diagnostics) {
        if config.name.as_str().is_some_and(|name| name.contains('/')) {
            diagnostics.error_at(Path::root("name"), "Invalid name", "A name is one file's name.");
        }
    }

    async fn plan(&self, _: &Ctx<Cloud>, request: PlanRequest<Note>, diagnostics: &mut Diagnostics) -> Plan<Note> {
        let prior_mishap = request.prior.as_ref().and_then(|prior| prior.mishap.as_str());
        if request.proposed.is_none() && prior_mishap == Some("keep") {
            diagnostics.error("Note is protected", "It may not be destroyed.");
        }
        let mut plan = Plan::of(request);
        if let Some(planned) = &mut plan.planned
            && planned.length.is_unknown()
            && let Some(text) = planned.text.as_str()
        {
            planned.length = length(text);
        }
        plan
    }

    async fn create(&self, ctx: &Ctx<Cloud>, request: CreateRequest<Note>) -> Outcome<Note> {
        let CreateRequest {
            mut planned, config, ..
        } = request;
        let mishap = planned.mishap.as_str().unwrap_or_default().to_owned();
        if mishap == "create fails" {
            return Outcome::failed(Diagnostic::error("Note was not written", "There is no paper."));
        }
        let name = planned.name.as_str().unwrap_or_default().to_owned();
        planned.id = format!("note-{name}").into();
        if let Err(error) = ctx.configured().write(&planned, config.key_wo.as_str()) {
            return Outcome::failed(error);
        }
        match mishap.as_str() {
            "create half" => Outcome::partial(planned, Diagnostic::error("Note is half written", "The ink ran out.")),
            "create breaks" => boom(),
            "create forgets" => Outcome::done(Note {
                text: "other".into(),
                id: Attr::Unknown,
                ..planned
            }),
            "create slowly" => {
                if interrupted(ctx, &name).await {
                    Outcome::partial(planned, Diagnostic::error("Interrupted", "The note is there already."))
                } else {
                    Outcome::done(planned)
                }
            }
            _ => Outcome::done(planned).with_private(Private::from_bytes("kept")),
        }
    }

    async fn read(&self, ctx: &Ctx<Cloud>, current: Note, _: Private) -> Outcome<Note> {
        let id = current.id.as_str().unwrap_or_default();
        match ctx.configured().read(id) {
            Ok(None) => Outcome::gone(),
            Ok(Some(held)) => {
                let text = held["text"].as_str().unwrap_or_default();
                let name = held["name"].as_str().unwrap_or_default();
                Outcome::done(Note {
                    text: text.into(),
                    length: length(text),
                    name: name.into(),
                    ..current
                })
            }
            Err(error) => Outcome::failed(error),
        }
    }

    async fn update(&self, ctx: &Ctx<Cloud>, request: UpdateRequest<Note>) -> Outcome<Note> {
        let UpdateRequest {
            prior,
            planned,
            config,
            private,
            ..
        } = request;
        if private.as_bytes() != b"kept" && prior.mishap.is_null() {
            return Outcome::failed(Diagnostic::error("Private state lost", "It was not given back."));
        }
        if planned.mishap.as_str() == Some("update fails") {
            return Outcome::failed(Diagnostic::error("Note was not changed", "The ink is dry."));
        }
        if let Err(error) = ctx.configured().write(&planned, config.key_wo.as_str()) {
            return Outcome::failed(error);
        }
        if planned.mishap.as_str() == Some("update half") {
            let partial = Note {
                mishap: prior.mishap,
                ..planned
            };
            return Outcome::partial(partial, Diagnostic::error("Note is half changed", "The ink ran out."));
        }
        Outcome::done(planned)
    }

    async fn delete(&self, ctx: &Ctx<Cloud>, prior: Note, _: Private) -> Outcome<Note> {
        if prior.mishap.as_str() == Some("delete fails") {
            return Outcome::failed(Diagnostic::error("Note was not destroyed", "It does not burn."));
        }
        match ctx.configured().remove(prior.id.as_str().unwrap_or_default()) {
            Ok(()) => Outcome::gone(),
            Err(error) => Outcome::failed(error),
        }
    }

    async fn import(&self, ctx: &Ctx<Cloud>, id: String) -> Result<Vec<Imported<Note>>, Diagnostics> {
        if ctx.configured().read(&id)?.is_none() {
            return Err(Diagnostics::of_error(
                "No such note",
                format!("There is no note \"{id}\"."),
            ));
        }
        let note = Note {
            id: id.into(),
            ..Note::default()
        };
        Ok(vec![Imported::new(note).with_private(Private::from_bytes("kept"))])
    }

    /// Version 0 called the name a title.
    fn upgrade(&self, version: i64, mut state: Json) -> Result<Json, Diagnostics> {
        if version == 0
            && let Some(title) = state.get("title").cloned()
        {
            state["name"] = title;
        }
        Ok(state)
    }

    fn move_from(&self, source: MoveSource) -> Result<Option<Imported<Note>>, Diagnostics> {
        if source.type_name != "terraform_data" || !source.provider.ends_with("builtin/terraform") {
            return Ok(None);
        }
        let name = source.state["input"]["value"].as_str();
        let name = name.ok_or_else(|| Diagnostics::of_error("Not a note", "Its input must be the note's name."))?;
        let note = Note {
            id: format!("note-{name}").into(),
            name: name.into(),
            ..Note::default()
        };
        Ok(Some(Imported::new(note).with_private(Private::from_bytes("kept"))))
    }
}

#[expect(clippy::panic, reason = "the test is about it")]
fn boom() -> Outcome<Note> {
    panic!("the pen broke")
}

fn length(text: &str) -> Attr<i64> {
    i64::try_from(text.len()).ok().into()
}

/// Tells the test that it has begun, and waits until it is interrupted; false after a long while.
async fn interrupted(ctx: &Ctx<Cloud>, name: &str) -> bool {
    let begun = ctx.configured().directory.join(format!("{name}.begun"));
    let long = Duration::from_mins(1);
    std::fs::write(begun, "").is_ok() && tokio::time::timeout(long, ctx.stop().cancelled()).await.is_ok()
}

impl Cloud {
    fn file(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }

    fn write(&self, note: &Note, key: Option<&str>) -> Result<(), Diagnostic> {
        let id = note.id.as_str().unwrap_or_default();
        let held = json!({"name": note.name.as_str(), "text": note.text.as_str(), "key": key});
        std::fs::write(self.file(id), held.to_string()).map_err(|error| failed("written", &error))
    }

    fn read(&self, id: &str) -> Result<Option<Json>, Diagnostic> {
        match std::fs::read(self.file(id)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| failed("read", &error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &error)),
        }
    }

    fn remove(&self, id: &str) -> Result<(), Diagnostic> {
        match std::fs::remove_file(self.file(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("destroyed", &error)),
            _ => Ok(()),
        }
    }
}

fn failed(what: &str, error: &dyn std::error::Error) -> Diagnostic {
    Diagnostic::error(
        format!("Note was not {what}"),
        format!("The note could not be {what}: {error}."),
    )
}

/// A note that somebody else wrote.
pub(crate) struct NoteData;

model! {
    pub(crate) struct Found {
        name: Attr<String>,
        text: Attr<String>,
    }
}

impl DataSource for NoteData {
    const NAME: &'static str = "paper_note";
    type Model = Found;
    type Configured = Cloud;

    fn schema(&self) -> Schema {
        Schema::new(0)
            .attribute("name", Attribute::string().required())
            .attribute("text", Attribute::string().computed())
    }

    async fn read(&self, ctx: &Ctx<Cloud>, config: Found, diagnostics: &mut Diagnostics) -> Option<Found> {
        let name = config.name.as_str().unwrap_or_default();
        match ctx.configured().read(&format!("note-{name}")) {
            Ok(Some(held)) => Some(Found {
                text: held["text"].as_str().unwrap_or_default().into(),
                ..config
            }),
            Ok(None) => {
                diagnostics.error_at(
                    Path::root("name"),
                    "No such note",
                    format!("There is no note \"{name}\"."),
                );
                None
            }
            Err(error) => {
                diagnostics.push(error);
                None
            }
        }
    }
}
