data "kairos_rol_ejecucion" "cierre" {
  stack       = "Kairos"
  arn_proceso = "arn:aws:lambda:us-east-1:123456789012:function:cierre"
  nombre      = "cierre"
}

# An ECS task runs with the roles of its task definition, which the process's role hands over.
data "kairos_rol_ejecucion" "informe" {
  stack         = "Kairos"
  arn_proceso   = "arn:aws:ecs:us-east-1:123456789012:cluster/noche"
  parametros    = jsonencode({ TaskDefinition = "informe:3" })
  roles_a_pasar = ["arn:aws:iam::123456789012:role/tarea-informe"]
}

output "rol" {
  value = {
    name               = data.kairos_rol_ejecucion.cierre.nombre_rol
    path               = data.kairos_rol_ejecucion.cierre.ruta_rol
    assume_role_policy = data.kairos_rol_ejecucion.cierre.politica_confianza
    policy             = data.kairos_rol_ejecucion.cierre.politica_permisos
  }
}

output "permisos_informe" {
  value = jsondecode(data.kairos_rol_ejecucion.informe.politica_permisos).Statement
}
