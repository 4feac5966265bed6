resource "kairos_stack" "this" {
  name     = "Kairos"
  executor = { role_prefix = "proceso-" }
}

locals {
  stack = kairos_stack.this.name
}

data "kairos_rol_ejecucion" "cierre" {
  stack       = local.stack
  arn_proceso = "arn:aws:lambda:us-east-1:123456789012:function:cierre"
}
