"""Credentials of several kinds for one argument, as Google's sources have them, and an OAuth client's."""

import typing

import dlt
from dlt.sources.credentials import AwsCredentials, GcpOAuthCredentials, GcpServiceAccountCredentials


@dlt.source
def load(
    run: int,
    sheet: typing.Union[GcpOAuthCredentials, GcpServiceAccountCredentials] = dlt.secrets.value,
    mail: typing.Union[GcpOAuthCredentials, GcpServiceAccountCredentials] = dlt.secrets.value,
    bucket: AwsCredentials = dlt.secrets.value,
):
    told = [
        {"kind": type(sheet).__name__, "project": sheet.project_id},
        {"kind": type(mail).__name__, "project": mail.project_id, "scopes": mail.scopes},
        {
            "kind": type(bucket).__name__,
            "project": bucket.region_name,
            "key": len(bucket.aws_secret_access_key),
        },
    ]
    return dlt.resource(told, name="told", write_disposition="replace")
