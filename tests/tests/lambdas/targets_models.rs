//! The requests that `parametros` are, compared with the public models of the services: a member more or less there is one here.

use std::process::Command;

use acceptance::workspace;
use anyhow::{Context, Result, ensure};
use kairos::parameters::ACTIONS;
use serde_json::{Value, json};

const SCRIPT: &str = "
import json, sys
import botocore.session
session = botocore.session.get_session()
def members(asked):
    operation = session.get_service_model(asked['service']).operation_model(asked['name'])
    return sorted(operation.input_shape.members)
json.dump([members(asked) for asked in json.load(sys.stdin)], sys.stdout)
";

#[test]
fn members_are_those_of_the_public_models() -> Result<()> {
    let asked: Vec<Value> = ACTIONS
        .iter()
        .map(|action| json!({"service": action.service, "name": action.name}))
        .collect();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("asked.json");
    std::fs::write(&file, json!(asked).to_string())?;
    let output = Command::new(workspace::venv_tool("python")?)
        .args(["-c", SCRIPT])
        .stdin(std::fs::File::open(&file)?)
        .output()
        .context("asking the models")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let models: Vec<Vec<String>> = serde_json::from_slice(&output.stdout)?;
    for (action, members) in ACTIONS.iter().zip(models) {
        assert_eq!(action.members, members, "{} of {}", action.name, action.service);
    }
    Ok(())
}
