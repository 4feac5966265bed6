# A task on Fargate: parametros are the request of RunTask. Paused until it is needed.
resource "kairos_proceso" "respaldo" {
  stack       = "Kairos"
  nombre      = "Respaldo nocturno"
  cron        = "cron(0 3 * * ? *)"
  arn_rol     = "arn:aws:iam::123456789012:role/proceso-respaldo"
  arn_proceso = "arn:aws:ecs:sa-east-1:123456789012:cluster/noche"
  habilitado  = false

  parametros = jsonencode({
    TaskDefinition = "respaldo:7"
    LaunchType     = "FARGATE"
    NetworkConfiguration = {
      awsvpcConfiguration = { subnets = ["subnet-0a1b2c3d"] }
    }
    Overrides = {
      containerOverrides = [{
        name        = "respaldo"
        environment = [{ name = "EJECUCION", value = "<kairos.id-ejecucion>" }]
      }]
    }
  })
}

# Any other action of AWS: its name is in the ARN, its request in parametros.
resource "kairos_proceso" "apagado" {
  stack       = "Kairos"
  nombre      = "Apagado de pruebas"
  cron        = "cron(0 22 ? * MON-FRI *)"
  arn_rol     = "arn:aws:iam::123456789012:role/proceso-apagado"
  arn_proceso = "arn:aws:scheduler:::aws-sdk:ecs:updateService"
  parametros  = jsonencode({ Cluster = "pruebas", Service = "web", DesiredCount = 0 })
}
