provider "kairos" {}

provider "aws" {}

module "kairos" {
  source = "../.."

  name                = "Kairos"
  archivo             = "${path.module}/procesos.yaml"
  zona_horaria        = "America/Santiago"
  notification_emails = ["operaciones@example.com"]
}

output "procesos" {
  description = "The processes' ids by their names."
  value       = module.kairos.procesos
}
