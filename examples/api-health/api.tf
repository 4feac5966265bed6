# A sample of an API whose callers IAM authorises: GET /salud, which answers by itself, without anything behind it.

locals {
  api = "${lower(var.name)}-muestra"
}

resource "aws_api_gateway_rest_api" "muestra" {
  name        = local.api
  description = "A sample that Kairos calls."

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_resource" "salud" {
  rest_api_id = aws_api_gateway_rest_api.muestra.id
  parent_id   = aws_api_gateway_rest_api.muestra.root_resource_id
  path_part   = "salud"
}

resource "aws_api_gateway_method" "salud" {
  rest_api_id   = aws_api_gateway_rest_api.muestra.id
  resource_id   = aws_api_gateway_resource.salud.id
  http_method   = "GET"
  authorization = "AWS_IAM"
}

resource "aws_api_gateway_integration" "salud" {
  rest_api_id       = aws_api_gateway_rest_api.muestra.id
  resource_id       = aws_api_gateway_resource.salud.id
  http_method       = aws_api_gateway_method.salud.http_method
  type              = "MOCK"
  request_templates = { "application/json" = jsonencode({ statusCode = var.respuesta }) }
}

resource "aws_api_gateway_method_response" "salud" {
  for_each = toset(["200", "503"])

  rest_api_id = aws_api_gateway_rest_api.muestra.id
  resource_id = aws_api_gateway_resource.salud.id
  http_method = aws_api_gateway_method.salud.http_method
  status_code = each.key
}

resource "aws_api_gateway_integration_response" "salud" {
  for_each = { "200" = "bien", "503" = "caído" }

  rest_api_id        = aws_api_gateway_rest_api.muestra.id
  resource_id        = aws_api_gateway_resource.salud.id
  http_method        = aws_api_gateway_integration.salud.http_method
  status_code        = aws_api_gateway_method_response.salud[each.key].status_code
  selection_pattern  = each.key == "200" ? null : each.key
  response_templates = { "application/json" = jsonencode({ estado = each.value }) }
}

resource "aws_api_gateway_deployment" "muestra" {
  rest_api_id = aws_api_gateway_rest_api.muestra.id

  # A stage serves what was deployed: what changes the method is deployed anew.
  triggers = {
    definicion = sha1(jsonencode([filesha1("${path.module}/api.tf"), var.respuesta]))
  }

  depends_on = [aws_api_gateway_integration_response.salud]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "prod" {
  rest_api_id   = aws_api_gateway_rest_api.muestra.id
  deployment_id = aws_api_gateway_deployment.muestra.id
  stage_name    = "prod"
}
