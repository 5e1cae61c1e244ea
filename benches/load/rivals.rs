//! nginx, HAProxy and Envoy as blind proxies of the origin, or answering a fixed body where there is no origin.
//! Each keeps its connections to the origin and may use both processors, as the gateway does.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::Failure;
use crate::contestant::{Contestant, Speaks, plain};
use crate::process::{Process, find_program, free_address};
use crate::workload::Workload;

/// What is said of a rival that is not there.
pub(crate) const HOW_TO_INSTALL: &str = "apt-get install nginx haproxy wrk; Envoy from its own packages";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rival {
    Nginx,
    HaProxy,
    Envoy,
}

impl Rival {
    pub(crate) const ALL: [Self; 3] = [Self::Nginx, Self::HaProxy, Self::Envoy];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::HaProxy => "HAProxy",
            Self::Envoy => "Envoy",
        }
    }

    /// Starts it; `None`: it is not installed.
    pub(crate) fn start(self, workload: Workload, origin: Option<&str>) -> Result<Option<Contestant>, Failure> {
        let program = match self {
            Self::Nginx => find_program("nginx"),
            Self::HaProxy => find_program("haproxy"),
            Self::Envoy => find_program("envoy"),
        };
        let Some(program) = program else { return Ok(None) };
        let files = TempDir::new()?;
        let address = free_address()?;
        let mut command = match self {
            Self::Nginx => nginx(&program, files.path(), &address, origin)?,
            Self::HaProxy => haproxy(&program, files.path(), &address, origin)?,
            Self::Envoy => envoy(&program, files.path(), &address, origin)?,
        };
        let process = Process::listening(command.stderr(Stdio::null()), &address)?;
        Ok(Some(Contestant {
            name: self.name().to_owned(),
            target: plain(address, workload.origin_path()),
            speaks: Speaks::Anything,
            expected_status: 200,
            process,
            _files: Some(files),
        }))
    }
}

/// A body of about 200 bytes, as long as the gateway's 404.
const FIXED_BODY: &str = r#"{"type":"https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound","title":"Not found","status":404,"detail":"no resource at /ngsi-ld/v1/nothing; entities are at /ngsi-ld/v1/entities"}"#;

fn nginx(program: &Path, folder: &Path, address: &str, origin: Option<&str>) -> Result<Command, Failure> {
    // Workers of a master that runs as root become nobody, who may not enter the folder.
    let user = if std::fs::metadata("/proc/self").as_ref().map(Metadata::uid).ok() == Some(0) {
        "user root;"
    } else {
        ""
    };
    let (upstream, answer) = match origin {
        Some(origin) => (
            format!("upstream origin {{ server {origin}; keepalive 128; }}"),
            "proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
             proxy_buffers 64 32k; proxy_max_temp_file_size 0;"
                .to_owned(),
        ),
        None => (
            String::new(),
            format!("default_type application/json; return 200 '{FIXED_BODY}';"),
        ),
    };
    let folder_name = folder.display();
    let configuration = format!(
        "{user}\nworker_processes 2;\ndaemon off;\npid {folder_name}/nginx.pid;\nerror_log {folder_name}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n access_log off;\n keepalive_requests 100000000;\n\
         client_body_temp_path {folder_name}/body; proxy_temp_path {folder_name}/proxy;\n\
         fastcgi_temp_path {folder_name}/fastcgi; uwsgi_temp_path {folder_name}/uwsgi; scgi_temp_path {folder_name}/scgi;\n\
         {upstream}\n server {{ listen {address}; location / {{ {answer} }} }}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, configuration)?;
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(file);
    Ok(command)
}

fn haproxy(program: &Path, folder: &Path, address: &str, origin: Option<&str>) -> Result<Command, Failure> {
    let answer = match origin {
        Some(origin) => format!("http-reuse always\n server origin {origin}"),
        None => {
            format!("http-request return status 200 content-type application/json string '{FIXED_BODY}'")
        }
    };
    let configuration = format!(
        "global\n nbthread 2\n maxconn 2000\ndefaults\n mode http\n timeout connect 3s\n timeout client 30s\n timeout server 30s\n\
         listen all\n bind {address}\n {answer}\n"
    );
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, configuration)?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(file);
    Ok(command)
}

fn envoy(program: &Path, folder: &Path, address: &str, origin: Option<&str>) -> Result<Command, Failure> {
    let address_of = |address: &str| -> Result<String, Failure> {
        let (host, port) = address.rsplit_once(':').ok_or("an address without a port")?;
        Ok(format!("{{socket_address: {{address: {host}, port_value: {port}}}}}"))
    };
    let (route, clusters) = match origin {
        Some(origin) => (
            "route: {cluster: origin}".to_owned(),
            format!(
                "  clusters:\n  - name: origin\n    connect_timeout: 3s\n    load_assignment: {{cluster_name: origin, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {}}}}}]}}]}}\n",
                address_of(origin)?
            ),
        ),
        None => (
            format!("direct_response: {{status: 200, body: {{inline_string: '{FIXED_BODY}'}}}}"),
            String::new(),
        ),
    };
    let configuration = format!(
        "static_resources:\n  listeners:\n  - address: {}\n    filter_chains:\n    - filters:\n      - name: envoy.filters.network.http_connection_manager\n        typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n          stat_prefix: all\n          route_config: {{virtual_hosts: [{{name: all, domains: ['*'], routes: [{{match: {{prefix: /}}, {route}}}]}}]}}\n          http_filters:\n          - name: envoy.filters.http.router\n            typed_config: {{\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}\n{clusters}",
        address_of(address)?
    );
    let file = folder.join("envoy.yaml");
    std::fs::write(&file, configuration)?;
    let mut command = Command::new(program);
    command
        .args(["--concurrency", "2", "--disable-hot-restart", "-l", "off", "-c"])
        .arg(file);
    Ok(command)
}
