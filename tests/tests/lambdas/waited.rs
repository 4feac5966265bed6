//! Functions that are waited for, from the API to the history: one that answers, one that fails, one that takes too long.

use std::time::Duration;

use acceptance::fixtures::{ProcesoRole, TargetFunction};
use acceptance::wait;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::api::{ask, process};
use crate::installation::{Installation, ROLE_PREFIX};

const LIMIT: Duration = Duration::from_mins(5);

struct Scene {
    installation: Installation,
    function: TargetFunction,
    role: ProcesoRole,
}

impl Scene {
    async fn create() -> Result<Self> {
        let installation = Installation::create().await?;
        installation.executor().await?;
        installation.api().await?;
        let account = &installation.account;
        let function = TargetFunction::create(account, "Destino").await?;
        let executor = installation.names.role_arn("/", &installation.names.executor_role());
        let name = format!("{ROLE_PREFIX}invoca");
        let role = ProcesoRole::create(account, &name, &executor, "lambda:InvokeFunction", &function.arn).await?;
        Ok(Self {
            installation,
            function,
            role,
        })
    }

    /// A process whose function is waited for, and does what its event says.
    fn process(&self, nombre: &str, event: &Value, more: &Value) -> Value {
        let mut body = process(&self.installation);
        body["nombre"] = json!(nombre);
        body["arnRol"] = json!(self.role.arn);
        body["arnProceso"] = json!(self.function.arn);
        body["parametros"] = json!(event.to_string());
        body["modoInvocacion"] = json!("RequestResponse");
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        body
    }

    /// Registers a process and has it run now; its path.
    async fn run(&self, body: &Value) -> Result<String> {
        let (status, made) = ask(&self.installation, "POST", "Procesos", Some(body)).await?;
        ensure!(status == 201, "{made}\n{}", Installation::log());
        let path = format!("Procesos/{}", made["IdProceso"].as_str().context("no id")?);
        self.run_again(&path).await?;
        Ok(path)
    }

    async fn run_again(&self, path: &str) -> Result<()> {
        let (status, said) = ask(&self.installation, "POST", &format!("{path}/Ejecuciones"), None).await?;
        ensure!(status == 202, "{said}");
        Ok(())
    }

    /// The newest run of a process, once it has ended, for now or for good.
    async fn ended(&self, path: &str, number: usize) -> Result<Value> {
        let path = format!("{path}/Ejecuciones");
        wait::until(&format!("the end of run {number} of {path}"), LIMIT, || async {
            let (_, page) = ask(&self.installation, "GET", &path, None).await?;
            let runs = page["Ejecuciones"].as_array().context("no list")?;
            let ended = |run: &&Value| run["Estado"] == "EjecutadoOk" || run["Estado"] == "ErrorAlEjecutar";
            Ok(runs.first().filter(|_| runs.len() == number).filter(ended).cloned())
        })
        .await
    }
}

fn text<'a>(run: &'a Value, key: &str) -> &'a str {
    run[key].as_str().unwrap_or_default()
}

#[tokio::test]
async fn functions_that_are_waited_for_leave_their_answers_and_errors_in_the_history() -> Result<()> {
    let scene = Scene::create().await?;
    let installation = &scene.installation;

    // The executor has 60 s.
    let longer = scene.process("demasiado", &json!({}), &json!({"tiempoMaximoSegundos": 100}));
    let (status, problem) = ask(installation, "POST", "Procesos", Some(&longer)).await?;
    let fault = &problem["errores"][0];
    assert_eq!(
        (status, text(fault, "campo")),
        (400, "tiempoMaximoSegundos"),
        "{problem}"
    );
    let detail = text(fault, "detalle");
    ensure!(
        detail.contains("54") && detail.contains("executor.timeout debe ser de 106 s"),
        "{detail}"
    );

    let answers = scene.process(
        "responde",
        &json!({"responde": {"saldo": "3 ñ"}}),
        &json!({"tiempoMaximoSegundos": 54}),
    );
    let fails = scene.process("falla", &json!({"falla": "sin saldo"}), &json!({"reintentos": 0}));
    let again = scene.process("reintenta", &json!({"falla": "sin saldo"}), &json!({"reintentos": 10}));
    let slow = json!({"tiempoMaximoSegundos": 1, "reintentos": 0});
    let sleeps = scene.process("duerme", &json!({"duerme": 5}), &slow);

    let answers = scene.run(&answers).await?;
    let run = scene.ended(&answers, 1).await?;
    assert_eq!(run["Estado"], "EjecutadoOk", "{run}");
    let said = text(&run, "Respuesta");
    ensure!(
        said.starts_with("Completado: ") && said.contains("saldo") && said.contains("3 "),
        "{run}"
    );
    ensure!(run["DuracionMs"].is_u64() && run["Intentos"] == 1, "{run}");

    let fails = scene.run(&fails).await?;
    let again = scene.run(&again).await?;
    for path in [&fails, &again] {
        let run = scene.ended(path, 1).await?;
        assert_eq!(run["Estado"], "ErrorAlEjecutar", "{run}");
        let error = text(&run, "Error");
        ensure!(
            error.contains("(Unhandled): ") && error.contains("Error: sin saldo (request id "),
            "{run}"
        );
        ensure!(run["DuracionMs"].is_u64() && run["Respuesta"].is_null(), "{run}");
    }

    let sleeps = scene.run(&sleeps).await?;
    let run = scene.ended(&sleeps, 1).await?;
    let error = text(&run, "Error");
    ensure!(
        error.contains("did not answer within 1 s, its tiempo_maximo_segundos: it may still be running"),
        "{run}"
    );

    // What has no attempt left is in the dead-letter queue; what has waits on the work queue.
    let names = &installation.names;
    wait::until("what was given up", LIMIT, || async {
        let depths = (
            installation.depth(&names.queue_dlq()).await?,
            installation.depth(&names.queue()).await?,
        );
        Ok((depths == (2, 1)).then_some(()))
    })
    .await?;

    // The day's failures, over all processes.
    let day = text(&run, "FechaProgramada").split('T').next().unwrap_or_default();
    let path = format!("Ejecuciones?estado=ErrorAlEjecutar&dia={day}");
    let (status, page) = ask(installation, "GET", &path, None).await?;
    let shown: Vec<String> = page["Ejecuciones"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|run| format!("Procesos/{}", text(run, "IdProceso")))
        .collect();
    ensure!(
        status == 200 && shown.contains(&sleeps) && !shown.contains(&answers),
        "{page}"
    );

    // Not waited for any more: that the function fails is its own affair.
    let mut event = scene.process(
        "falla",
        &json!({"falla": "sin saldo"}),
        &json!({"modoInvocacion": "Event", "reintentos": 0}),
    );
    event["habilitado"] = json!(true);
    let (status, changed) = ask(installation, "PUT", &fails, Some(&event)).await?;
    assert_eq!((status, text(&changed, "ModoInvocacion")), (200, "Event"), "{changed}");
    scene.run_again(&fails).await?;
    let run = scene.ended(&fails, 2).await?;
    assert_eq!(run["Estado"], "EjecutadoOk", "{run}");
    ensure!(text(&run, "Respuesta").starts_with("Aceptado: "), "{run}");
    Ok(())
}
