#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::names::Place;

fn limits() -> Limits {
    let place = Place {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "sa-east-1".into(),
    };
    Limits {
        names: Some(Names::new("Demo", place)),
        role_prefix: Some("demo-".into()),
        executor_timeout: Some(120),
    }
}

fn raw() -> Raw {
    Raw {
        nombre: Some("Cierre diario".into()),
        cron: Some("0 3 * * ? *".into()),
        arn_rol: Some("arn:aws:iam::123456789012:role/demo-cierre".into()),
        arn_proceso: Some("arn:aws:lambda:sa-east-1:123456789012:function:cierre".into()),
        ..Raw::default()
    }
}

#[track_caller]
fn wrong(raw: &Raw) -> Vec<(Field, String)> {
    let errors = check(raw, &limits());
    let refused: Vec<_> = errors
        .iter()
        .map(|error| {
            (
                error.field,
                format!("{:?}", error.rule).split([' ', '{']).next().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(
        define(raw, &limits()).is_err(),
        !refused.is_empty() || !raw.unknown.is_empty()
    );
    refused
}

#[track_caller]
fn one(raw: &Raw, field: Field, rule: &str) {
    assert_eq!(wrong(raw), [(field, rule.to_owned())]);
}

#[test]
fn a_minimal_process_gets_the_defaults() {
    let definition = define(&raw(), &limits()).unwrap();
    assert!(definition.habilitado);
    assert_eq!(definition.reintentos, 3);
    assert_eq!(definition.modo_invocacion, InvocationMode::Event);
    assert_eq!(definition.schedule.zone.name(), "UTC");
    assert_eq!(definition.parametros, None);
}

#[test]
fn all_that_is_required_is_named_at_once() {
    let fields: Vec<_> = wrong(&Raw::default()).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, [Field::Nombre, Field::Cron, Field::ArnRol, Field::ArnProceso]);
}

#[test]
fn each_bad_value_is_refused_with_its_field() {
    one(
        &Raw {
            nombre: Some(" \t".into()),
            ..raw()
        },
        Field::Nombre,
        "Empty",
    );
    one(
        &Raw {
            nombre: Some("x".repeat(129)),
            ..raw()
        },
        Field::Nombre,
        "TooLong",
    );
    assert_eq!(
        wrong(&Raw {
            nombre: Some("ñ".repeat(128)),
            ..raw()
        }),
        []
    );
    one(
        &Raw {
            nombre: Some("a\nb".into()),
            ..raw()
        },
        Field::Nombre,
        "ControlCharacter",
    );
    one(
        &Raw {
            cron: Some("0 25 * * ? *".into()),
            ..raw()
        },
        Field::Cron,
        "OutOfRange",
    );
    one(
        &Raw {
            zona_horaria: Some("Chile".into()),
            ..raw()
        },
        Field::ZonaHoraria,
        "UnknownZone",
    );
    one(
        &Raw {
            arn_rol: Some("arn:aws:iam::123456789012:role/x".into()),
            ..raw()
        },
        Field::ArnRol,
        "RolePrefix",
    );
    one(
        &Raw {
            arn_proceso: Some("cierre".into()),
            ..raw()
        },
        Field::ArnProceso,
        "MalformedArn",
    );
    one(
        &Raw {
            parametros: Some("hola".into()),
            ..raw()
        },
        Field::Parametros,
        "NotJson",
    );
    one(
        &Raw {
            reintentos: Some(11),
            ..raw()
        },
        Field::Reintentos,
        "Between",
    );
    one(
        &Raw {
            reintentos: Some(-1),
            ..raw()
        },
        Field::Reintentos,
        "Between",
    );
    one(
        &Raw {
            modo_invocacion: Some("event".into()),
            ..raw()
        },
        Field::ModoInvocacion,
        "NotOneOf",
    );
}

#[test]
fn mode_and_time_are_for_lambdas_that_are_waited_for() {
    let waited = Raw {
        modo_invocacion: Some("RequestResponse".into()),
        ..raw()
    };
    let timed = |seconds, raw: Raw| Raw {
        tiempo_maximo_segundos: Some(seconds),
        ..raw
    };
    assert_eq!(wrong(&timed(114, waited.clone())), []);
    one(&timed(895, waited.clone()), Field::TiempoMaximoSegundos, "Between");
    one(&timed(0, waited.clone()), Field::TiempoMaximoSegundos, "Between");
    one(&timed(60, raw()), Field::TiempoMaximoSegundos, "OnlyForRequestResponse");
    let queue = Some("arn:aws:sqs:sa-east-1:123456789012:trabajo".to_owned());
    one(
        &Raw {
            arn_proceso: queue.clone(),
            ..waited
        },
        Field::ModoInvocacion,
        "OnlyForLambda",
    );
    one(
        &timed(
            60,
            Raw {
                arn_proceso: queue,
                ..raw()
            },
        ),
        Field::TiempoMaximoSegundos,
        "OnlyForLambda",
    );
}

#[test]
fn no_process_is_waited_for_longer_than_the_executor_can() {
    let waited = |seconds| Raw {
        modo_invocacion: Some("RequestResponse".into()),
        tiempo_maximo_segundos: Some(seconds),
        ..raw()
    };
    one(&waited(115), Field::TiempoMaximoSegundos, "LongerThanExecutor");
    let error = check(&waited(200), &limits()).remove(0);
    assert_eq!(
        error.to_string(),
        "tiempo_maximo_segundos \"200\": must be at most 114: the stack's executor has a timeout of 120 s, and keeps the \
         rest to record what came of it; give the stack an executor.timeout of 206 s or more to wait that long"
    );
    let unknown = Limits {
        executor_timeout: None,
        ..limits()
    };
    assert_eq!(check(&waited(894), &unknown), []);
}

#[test]
fn what_is_not_known_yet_is_not_checked() {
    let unknown = vec![Field::Cron, Field::ArnProceso, Field::ModoInvocacion];
    let partly = Raw {
        cron: None,
        arn_proceso: None,
        tiempo_maximo_segundos: Some(60),
        unknown,
        ..raw()
    };
    assert_eq!(wrong(&partly), []);
    one(
        &Raw {
            zona_horaria: Some("Chile".into()),
            ..partly
        },
        Field::ZonaHoraria,
        "UnknownZone",
    );
    let nothing_known = Limits::default();
    assert_eq!(
        check(
            &Raw {
                arn_rol: Some("arn:aws:iam::1:role/x".into()),
                ..raw()
            },
            &nothing_known
        )
        .len(),
        1
    );
    assert_eq!(check(&raw(), &nothing_known), []);
}
