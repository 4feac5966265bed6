//! The life of resources as terraform leads it: the real terraform, the test's provider, and a directory as cloud.
#![cfg(unix)]

#[path = "support/terraform.rs"]
mod terraform;

use std::fs;

use serde_json::{Value as Json, json};
use terraform::{Outcome, World};

const NOTE: &str = r#"
resource "paper_note" "a" {
  name   = "a"
  text   = "hello"
  ratio  = 0.1
  tags   = ["x", "y"]
  key_wo = "s3cr3t"
  author = { name = "ann" }
  lines  = [{ number = 1 }, { number = 2 }]
}
"#;

fn world(configuration: &str) -> Outcome<World> {
    let world = World::new()?;
    world.configure(configuration)?;
    Ok(world)
}

fn mishap(kind: &str) -> String {
    format!("resource \"paper_note\" \"a\" {{\n  name   = \"a\"\n  mishap = \"{kind}\"\n}}\n")
}

/// Validates, which must find an error, and that error at this line of the configuration.
fn check_told(world: &World, summary: &str, detail: &str, line: u64) -> Outcome {
    let told: Json = serde_json::from_str(&world.terraform(&["validate", "-json"])?.stdout)?;
    let all = told["diagnostics"].as_array().into_iter().flatten();
    let errors = all.filter(|told| told["severity"] == "error");
    let found: Vec<_> = errors
        .map(|told| json!([told["summary"], told["detail"], told["range"]["start"]["line"]]))
        .collect();
    assert_eq!(found, [json!([summary, detail, line])], "{told}");
    Ok(())
}

#[test]
fn validate_points_at_the_line_of_a_nested_attribute() -> Outcome {
    let world = world(&NOTE.replace("{ number = 2 }]", "\n    { number = 0 }]"))?;
    let detail = "\"lines[1].number\" is not valid: lines count from 1.";
    check_told(&world, "Invalid value of \"number\"", detail, 10)?;

    world.configure(&NOTE.replace("{ name = \"ann\" }", "{\n    name = \"\"\n  }"))?;
    let detail = "\"author.name\" is not valid: somebody must have written it.";
    check_told(&world, "Invalid value of \"name\"", detail, 8)?;

    world.configure(&NOTE.replace("\"a\"\n  text", "\"a/b\"\n  text"))?;
    check_told(&world, "Invalid name", "A name is one file's name.", 3)?;

    world.configure(NOTE)?;
    world.succeeds(&["validate"])?;
    Ok(())
}

#[test]
fn a_provider_configuration_is_checked() -> Outcome {
    let world = world(NOTE)?;
    let path = world.path("work/provider.tf");
    let text = fs::read_to_string(&path)?;
    let cloud = format!("{:?}", world.path("cloud"));
    fs::write(&path, text.replace(&cloud, "\"\""))?;
    world.fails(
        &["validate", "-no-color"],
        &["Directory missing", "on provider.tf line 7"],
    )?;
    Ok(())
}

#[test]
fn a_note_is_created_changed_replaced_and_destroyed() -> Outcome {
    let world = world(NOTE)?;
    assert_eq!(world.planned()?, ["paper_note.a: create"]);
    world.apply()?;
    let state = world.state("paper_note.a")?;
    let expected = json!({
        "id": "note-a", "name": "a", "text": "hello", "length": 5, "ratio": 0.1, "tags": ["x", "y"], "key_wo": null,
        "author": {"name": "ann", "pen": "ink"}, "lines": [{"number": 1}, {"number": 2}], "mishap": null,
    });
    assert_eq!(state, expected);
    // The digits of the number are those of the configuration, and the secret is in the cloud and nowhere else.
    assert!(fs::read_to_string(world.path("work/terraform.tfstate"))?.contains("\"ratio\": 0.1,"));
    assert!(!fs::read_to_string(world.path("work/terraform.tfstate"))?.contains("s3cr3t"));
    assert_eq!(world.note("a")?.map(|note| note["key"].clone()), Some(json!("s3cr3t")));

    assert_eq!(world.planned()?, Vec::<String>::new());

    world.configure(
        &NOTE
            .replace("hello", "good bye")
            .replace("[\"x\", \"y\"]", "[\"y\", \"z\", \"x\"]"),
    )?;
    assert_eq!(world.planned()?, ["paper_note.a: update"]);
    world.apply()?;
    let state = world.state("paper_note.a")?;
    assert_eq!(
        (&state["id"], &state["text"], &state["length"]),
        (&json!("note-a"), &json!("good bye"), &json!(8))
    );
    assert_eq!(world.planned()?, Vec::<String>::new());

    for (from, to) in [("name   = \"a\"", "name   = \"b\""), ("\"ann\"", "\"bob\"")] {
        world.configure(&NOTE.replace(from, to))?;
        assert_eq!(world.planned()?, ["paper_note.a: delete create"], "{to}");
    }
    let ran = world.apply()?;
    assert!(
        ran.said.contains("Plan: 1 to add, 0 to change, 1 to destroy."),
        "{}",
        ran.said
    );
    assert_eq!(world.state("paper_note.a")?["author"]["name"], "bob");

    world.succeeds(&["destroy", "-auto-approve"])?;
    assert_eq!(world.instance("paper_note.a")?, Json::Null);
    assert_eq!(world.note("a")?, None);
    Ok(())
}

#[test]
fn values_that_apply_tells_are_planned_as_unknown() -> Outcome {
    let configuration = r#"
resource "terraform_data" "t" {
  input = "later"
}
resource "paper_note" "a" {
  name  = "a"
  text  = "was ${terraform_data.t.output}"
  tags  = ["x", terraform_data.t.output, terraform_data.t.id]
  lines = [{ number = length(terraform_data.t.output) }]
}
output "length" {
  value = paper_note.a.length
}
"#;
    let world = world(configuration)?;
    let ran = world.apply()?;
    assert!(ran.said.contains("length = (known after apply)"), "{}", ran.said);
    let state = world.state("paper_note.a")?;
    assert_eq!((&state["text"], &state["length"]), (&json!("was later"), &json!(9)));
    assert_eq!(state["tags"].as_array().map(Vec::len), Some(3));
    assert_eq!(world.planned()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn what_changed_behind_terraform_is_seen_and_put_right() -> Outcome {
    let world = world(NOTE)?;
    world.apply()?;
    world.put_note("a", "scribbled over")?;
    assert_eq!(world.planned()?, ["paper_note.a: update"]);
    world.apply()?;
    assert_eq!(world.note("a")?.map(|note| note["text"].clone()), Some(json!("hello")));

    fs::remove_file(world.path("cloud/note-a.json"))?;
    assert_eq!(world.planned()?, ["paper_note.a: create"]);
    // Gone already when it is to be destroyed: nothing to complain of.
    world.succeeds(&["destroy", "-auto-approve", "-refresh=false"])?;
    Ok(())
}

#[test]
fn a_note_is_imported_by_command_and_by_block() -> Outcome {
    let text =
        |name: &str| format!("resource \"paper_note\" \"{name}\" {{\n  name = \"{name}\"\n  text = \"old\"\n}}\n");
    let world = world(&text("a"))?;
    world.put_note("a", "old")?;
    world.fails(
        &["import", "-no-color", "paper_note.a", "note-x"],
        &["There is no note \"note-x\"."],
    )?;
    world.succeeds(&["import", "paper_note.a", "note-a"])?;
    assert_eq!(world.planned()?, Vec::<String>::new());

    world.put_note("b", "old")?;
    let block = "import {\n  to = paper_note.b\n  id = \"note-b\"\n}\n";
    world.configure(&format!("{}{}{block}", text("a"), text("b")))?;
    let ran = world.apply()?;
    assert!(
        ran.said.contains("1 imported, 0 added, 0 changed, 0 destroyed"),
        "{}",
        ran.said
    );
    assert_eq!(world.state("paper_note.b")?["length"], 3);
    assert_eq!(world.planned()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn an_object_of_another_type_becomes_a_note() -> Outcome {
    let world = world("resource \"terraform_data\" \"t\" {\n  input = \"a\"\n}\n")?;
    world.apply()?;
    world.put_note("a", "empty")?;
    let note = "resource \"paper_note\" \"a\" {\n  name = \"a\"\n}\n";
    world.configure(&format!(
        "{note}moved {{\n  from = terraform_data.t\n  to   = paper_note.a\n}}\n"
    ))?;
    assert_eq!(world.planned()?, Vec::<String>::new());
    world.apply()?;
    assert_eq!(world.state("paper_note.a")?["id"], "note-a");

    // Only what the resource understands is taken.
    world.configure(&format!(
        "{note}resource \"paper_note\" \"b\" {{\n  name = \"b\"\n}}\nresource \"terraform_data\" \"n\" {{}}\n"
    ))?;
    world.apply()?;
    world.configure(&format!(
        "{note}resource \"paper_note\" \"c\" {{\n  name = \"c\"\n}}\n\
         resource \"paper_note\" \"b\" {{\n  name = \"b\"\n}}\n\
         moved {{\n  from = terraform_data.n\n  to   = paper_note.c\n}}\n"
    ))?;
    world.fails(
        &["plan", "-no-color"],
        &["Not a note", "Its input must be the note's name."],
    )?;
    Ok(())
}

#[test]
fn a_state_of_an_older_version_is_upgraded() -> Outcome {
    let world = world(NOTE)?;
    world.apply()?;
    let path = world.path("work/terraform.tfstate");
    let mut state: Json = serde_json::from_slice(&fs::read(&path)?)?;
    let instance = &mut state["resources"][0]["instances"][0];
    // As version 0 had it: the name was a title, there was no length, and an attribute that is gone since.
    instance["schema_version"] = json!(0);
    let attributes = instance["attributes"].as_object_mut().ok_or("no attributes")?;
    let name = attributes.remove("name").unwrap_or_default();
    attributes.remove("length");
    attributes.insert("title".to_owned(), name);
    attributes.insert("colour".to_owned(), json!("blue"));
    fs::write(&path, state.to_string())?;
    assert_eq!(world.planned()?, Vec::<String>::new());

    // Equal versions are asked for too: an attribute that is unknown is dropped.
    state["resources"][0]["instances"][0]["schema_version"] = json!(1);
    state["resources"][0]["instances"][0]["attributes"]["name"] = json!("a");
    fs::write(&path, state.to_string())?;
    assert_eq!(world.planned()?, Vec::<String>::new());

    state["resources"][0]["instances"][0]["schema_version"] = json!(7);
    fs::write(&path, state.to_string())?;
    let refused = world.terraform(&["plan", "-no-color"])?;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    Ok(())
}

#[test]
fn a_create_that_fails_half_way_is_tainted_and_replaced() -> Outcome {
    let world = world(&mishap("create half"))?;
    world.fails(
        &["apply", "-auto-approve", "-no-color"],
        &["Note is half written", "The ink ran out."],
    )?;
    assert_eq!(world.instance("paper_note.a")?["status"], "tainted");
    assert_eq!(world.state("paper_note.a")?["id"], "note-a");
    world.configure(&mishap("none"))?;
    assert_eq!(world.planned()?, ["paper_note.a: delete create"]);
    world.apply()?;
    assert_eq!(world.planned()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_create_that_does_nothing_leaves_nothing() -> Outcome {
    let world = world(&mishap("create fails"))?;
    world.fails(
        &["apply", "-auto-approve", "-no-color"],
        &["Note was not written", "There is no paper."],
    )?;
    assert_eq!(world.instance("paper_note.a")?, Json::Null);
    Ok(())
}

#[test]
fn a_result_that_breaks_the_plan_is_named_by_attribute() -> Outcome {
    let world = world(&mishap("create forgets"))?;
    let told = [
        "Result differs from the plan",
        "The attribute \"text\" of \"paper_note\" was planned with a known value",
        "Result is not known",
        "The attribute \"id\" of \"paper_note\" is still unknown afterwards",
    ];
    world.fails(&["apply", "-auto-approve", "-no-color"], &told)?;
    assert_eq!(world.instance("paper_note.a")?["status"], "tainted");
    Ok(())
}

#[test]
fn an_update_that_fails_keeps_what_is_there() -> Outcome {
    let world = world("resource \"paper_note\" \"a\" {\n  name = \"a\"\n}\n")?;
    world.apply()?;
    world.configure(&mishap("update fails"))?;
    world.fails(&["apply", "-auto-approve", "-no-color"], &["Note was not changed"])?;
    assert_eq!(world.state("paper_note.a")?["mishap"], Json::Null);

    world.configure(&mishap("update half").replace("mishap", "text = \"new\"\n  mishap"))?;
    world.fails(&["apply", "-auto-approve", "-no-color"], &["Note is half changed"])?;
    let state = world.state("paper_note.a")?;
    assert_eq!((&state["text"], &state["mishap"]), (&json!("new"), &Json::Null));
    assert_eq!(world.instance("paper_note.a")?["status"], Json::Null);
    Ok(())
}

#[test]
fn a_destroy_that_fails_or_is_refused_keeps_the_note() -> Outcome {
    let world = world(&mishap("delete fails"))?;
    world.apply()?;
    world.fails(
        &["destroy", "-auto-approve", "-no-color"],
        &["Note was not destroyed", "It does not burn."],
    )?;
    assert_eq!(world.state("paper_note.a")?["id"], "note-a");

    world.configure(&mishap("keep"))?;
    world.apply()?;
    world.fails(
        &["plan", "-destroy", "-no-color"],
        &["Note is protected", "It may not be destroyed."],
    )?;
    assert!(world.note("a")?.is_some());
    Ok(())
}

#[test]
fn an_interrupt_ends_the_work_and_keeps_the_state() -> Outcome {
    let world = world(&mishap("create slowly"))?;
    let ran = world.interrupted(&["apply", "-auto-approve", "-no-color"], "a.begun")?;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.said.contains("The note is there already."), "{}", ran.said);
    assert_eq!(world.state("paper_note.a")?["id"], "note-a");
    assert!(
        !ran.said.contains("plugin crashed") && !ran.said.contains("connection"),
        "{}",
        ran.said
    );
    Ok(())
}

#[test]
fn a_panic_is_an_error_of_its_own_and_nothing_else() -> Outcome {
    let other = "resource \"paper_note\" \"b\" {\n  name = \"b\"\n}\n";
    let world = world(&format!("{}{other}", mishap("create breaks")))?;
    let told = [
        "The provider panicked",
        "Creating \"paper_note\" stopped unexpectedly: the pen broke.",
    ];
    let ran = world.fails(&["apply", "-auto-approve", "-no-color"], &told)?;
    assert!(ran.said.contains("panic: the pen broke at "), "{}", ran.said);
    assert!(!ran.said.contains("plugin did not respond"), "{}", ran.said);
    assert_eq!(world.state("paper_note.b")?["id"], "note-b");
    Ok(())
}

#[test]
fn a_data_source_is_read() -> Outcome {
    let data = |name: &str| format!("data \"paper_note\" \"d\" {{\n  name = \"{name}\"\n}}\n");
    let world = world(&format!(
        "{}output \"text\" {{\n  value = data.paper_note.d.text\n}}\n",
        data("a")
    ))?;
    world.put_note("a", "from elsewhere")?;
    world.apply()?;
    assert_eq!(world.succeeds(&["output", "-raw", "text"])?.stdout, "from elsewhere");
    world.configure(&data("x"))?;
    world.fails(
        &["plan", "-no-color"],
        &["No such note", "There is no note \"x\".", "on main.tf line 2"],
    )?;
    Ok(())
}

#[test]
fn a_function_is_called() -> Outcome {
    let call = |arguments: &str| format!("output \"o\" {{\n  value = provider::paper::shout({arguments})\n}}\n");
    let world = world(&call("\"a\", \"b\", \"c\""))?;
    world.apply()?;
    assert_eq!(world.succeeds(&["output", "-raw", "o"])?.stdout, "ABC!");
    world.configure(&call("\"a\", \"\""))?;
    let told = ["Invalid value for \"more\" parameter: There is nothing to shout."];
    world.fails(&["plan", "-no-color"], &told)?;
    Ok(())
}

#[test]
fn logs_are_told_by_level() -> Outcome {
    let world = world(NOTE)?;
    for (level, logged) in [("INFO", true), ("WARN", false)] {
        let output = world.command(&["plan"]).env("TF_LOG_PROVIDER", level).output()?;
        let said = String::from_utf8(output.stderr)?;
        let line = said
            .lines()
            .find(|line| line.contains("terraform-provider-paper: configured"));
        assert_eq!(line.is_some(), logged, "{said}");
        if let Some(line) = line {
            // Terraform writes a line's fields in any order.
            for part in ["[INFO]", "@module=terraform_provider_paper", "version=1."] {
                assert!(line.contains(part), "{part} is not in {line}");
            }
        }
    }
    Ok(())
}
