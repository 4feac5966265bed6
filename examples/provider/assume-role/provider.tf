provider "kairos" {
  region  = "sa-east-1"
  profile = "herramientas"

  assume_role = {
    role_arn     = "arn:aws:iam::123456789012:role/despliegue"
    session_name = "kairos-ci"
    external_id  = "kairos-produccion"
  }
}
