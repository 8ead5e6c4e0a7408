//! `mach serve`: the pages and the API on one address.

mod crowd;
mod limits;
mod listen;
mod patience;
pub mod syslog;
pub mod tls;

use crate::{Outcome, console, open};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Args;
use mach_house::pace::Network;
use mach_house::{House, Settings};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;

/// Where to serve.
#[derive(Args)]
pub struct Options {
    /// Address and port; port 0 takes a free one
    #[arg(long, env = "MACH_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Serve a damaged store for reading; nothing can be written then
    #[arg(long)]
    pub despite_damage: bool,
    /// Address by which receivers of subscriptions know this server, https://mach.example.vn; the listening one if not given
    #[arg(long, env = "MACH_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Origins whose pages may use the FHIR interface in a browser, https://app.example.vn; separated by commas
    #[arg(long, env = "MACH_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',', value_parser = mach_fhir_api::cors::origin)]
    pub allow_origin: Vec<String>,
    #[command(flatten)]
    pub tls: tls::Files,
    /// Plain address that sends everybody over to the TLS one, 0.0.0.0:80
    #[arg(long, env = "MACH_REDIRECT_LISTEN", requires = "tls_cert", value_name = "ADDRESS")]
    pub redirect_listen: Option<SocketAddr>,
    /// Serve without TLS on an address that other machines reach: only for a network that nobody else is on
    #[arg(long)]
    pub insecure_plain_http: bool,
    /// Proxies that are believed where they say for whom they ask (X-Forwarded-For): addresses or networks, 10.0.0.5,10.1.0.0/16;
    /// of one on this machine, 127.0.0.1
    #[arg(long, env = "MACH_TRUSTED_PROXY", value_name = "ADDRESS", value_delimiter = ',')]
    pub trusted_proxy: Vec<Network>,
    #[command(flatten)]
    pub syslog: syslog::Centre,
}

/// Where and how a house is served.
pub struct Doors<'a> {
    /// Folder of its files.
    pub data: &'a Path,
    /// Address of the listener.
    pub listen: SocketAddr,
    /// Address by which others know it.
    pub public: Option<&'a str>,
    /// Certificate of the listener.
    pub tls: Option<Arc<mach_tls::Server>>,
    /// Plain address that sends everybody over.
    pub redirect: Option<SocketAddr>,
    /// Origins whose pages may use the FHIR interface.
    pub origins: Vec<String>,
    /// Where the audit trail is told.
    pub syslog: Option<mach_access_pages::syslog::Settings>,
}

/// An open address without TLS: said where it is refused.
const IN_CLEAR: &str = "passwords and records would travel in clear, for everybody on the way to read and to change";

/// Set where the store is damaged: then `/healthz` says so.
static DAMAGED: AtomicBool = AtomicBool::new(false);
/// Set where it is served all the same: then nobody writes.
static READ_ONLY: AtomicBool = AtomicBool::new(false);

/// Serves until Ctrl-C.
pub fn run(data: &Path, options: &Options) -> Outcome {
    let tls = options.tls.load()?;
    refuse_clear(options, tls.is_some())?;
    let store = open(data)?;
    refuse_open(options.listen, &store)?;
    let damages = store.check_at_start(&console(mach_access::Act::Administer)?).map_err(|e| e.to_string())?;
    if !damages.is_empty() {
        crate::store::print_damages(&damages);
        if !options.despite_damage {
            return Err(format!(
                "kho dữ liệu bị hỏng, không phục vụ / the store is damaged and is not served: {}\n\
                 hint: mach store check names what is lost; restore a backup (mach restore) into a new folder; \
                 mach serve --despite-damage serves it for reading only",
                store.shown()
            ));
        }
        DAMAGED.store(true, Ordering::SeqCst);
    }
    READ_ONLY.store(options.despite_damage, Ordering::SeqCst);
    watch_over(&store)?;
    let _signing = crate::log::signer::start(data, &store)?;
    let public = options.public_url.as_deref();
    // Behind a proxy that ends TLS the cookies are of TLS too.
    let secure = tls.is_some() || public.is_some_and(|url| url.starts_with("https://"));
    let scheme = if tls.is_some() { "https" } else { "http" };
    if secure && tls.is_none() && options.trusted_proxy.is_empty() {
        eprintln!(
            "mach: without --trusted-proxy nobody is counted by address: all come from the proxy in front\n\
             hint: --trusted-proxy 127.0.0.1, or the address of the proxy"
        );
    }
    let proxies = options.trusted_proxy.clone();
    let (redirect, origins) = (options.redirect_listen, options.allow_origin.clone());
    let syslog = options.syslog.settings();
    let doors = Doors { data, listen: options.listen, public, tls, redirect, origins, syslog };
    let settings = Settings { secure, proxies, public: options.public_url.clone(), ..Settings::default() };
    serve(House::new(store, settings), doors, &mut |address| {
        println!("listening on {scheme}://{address}");
        Ok(())
    })
}

/// Reads the whole database once beside the serving: a broken page is told when the program starts, not when somebody
/// needs what lies on it.
fn watch_over(store: &mach_store::Store) -> Result<(), String> {
    let (store, decision) = (store.clone(), console(mach_access::Act::Administer)?);
    let look = move || match store.quick_check(&decision) {
        Ok(damages) if damages.is_empty() => {}
        Ok(damages) => {
            DAMAGED.store(true, Ordering::SeqCst);
            crate::store::print_damages(&damages);
            eprintln!(
                "mach: kho dữ liệu bị hỏng; xem: mach store check\nmach: the store is damaged; see: mach store check"
            );
        }
        Err(e) => eprintln!("mach: the store could not be checked: {e}"),
    };
    std::thread::Builder::new().name("store-check".to_owned()).spawn(look).map_err(|e| e.to_string())?;
    Ok(())
}

/// Without TLS only this machine is served, unless somebody says that they know what that means.
fn refuse_clear(options: &Options, tls: bool) -> Result<(), String> {
    let listen = options.listen;
    if tls || listen.ip().is_loopback() {
        return Ok(());
    }
    if options.insecure_plain_http {
        eprintln!("mach: `{listen}` is served without TLS: {IN_CLEAR}");
        return Ok(());
    }
    Err(format!(
        "`{listen}` is reachable from other machines, and without TLS {IN_CLEAR}.\n\
         hint: --tls-cert FILE --tls-key FILE; or listen on 127.0.0.1 with a proxy that ends TLS in front; or, on a network that \
         nobody else is on, --insecure-plain-http"
    ))
}

/// Nobody elsewhere is served before there is somebody who may sign in.
fn refuse_open(listen: SocketAddr, store: &mach_store::Store) -> Result<(), String> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    let mut reader = store.read(&console(mach_access::Act::Administer)?).map_err(|e| e.to_string())?;
    if mach_store::accounts::all(&mut reader).map_err(|e| e.to_string())?.is_empty() {
        return Err(format!(
            "`{listen}` is reachable from other machines, and there is no account yet\n\
             hint: mach account set NAME --role leader"
        ));
    }
    Ok(())
}

/// 200 `ok`, or 503 where the store was found damaged.
async fn healthz() -> Result<&'static str, (StatusCode, &'static str)> {
    if DAMAGED.load(Ordering::SeqCst) {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "the store is damaged: see the log, and mach store check"));
    }
    Ok("ok")
}

/// Refuses what would write, where the store is served despite its damage.
async fn only_reading(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let reads = request.method().is_safe() || path.ends_with("/_search") || path.starts_with("/sign-");
    if READ_ONLY.load(Ordering::SeqCst) && !reads {
        return mach_ui::http::Problem::Unavailable.into_response();
    }
    next.run(request).await
}

/// The whole application; `data` is the folder of its files.
pub fn application(house: House, data: &Path) -> axum::Router {
    let fhir = mach_fhir_api::Interface::upon(house.store(), data);
    let desk = Arc::new(mach_certificates::desk::Desk::upon(data, "http://localhost"));
    routes(house, &fhir, data, (desk, &mach_vaccines::batch::Worker::default()))
}

/// What carries messages to telephones. The demonstration's are nobody's: what would be sent lies in a file.
fn messages(house: &House, data: &Path) -> Arc<dyn mach_house::sms::Gateway> {
    match house.demo() {
        true => Arc::new(mach_house::sms::Simulator::upon(data.join("sms-simulated.tsv"))),
        false => Arc::new(mach_house::sms::Unset),
    }
}

fn routes(
    house: House,
    fhir: &mach_fhir_api::Interface,
    data: &Path,
    (desk, batches): (Arc<mach_certificates::desk::Desk>, &mach_vaccines::batch::Worker),
) -> axum::Router {
    let gateway = messages(&house, data);
    house.list_work(work());
    // Where data is real, nothing of a simulator is there.
    let phone = match house.demo() {
        true => mach_signing::phone::router(Arc::clone(&desk), &PAPERS),
        false => axum::Router::new(),
    };
    let routes = axum::Router::new()
        .merge(phone)
        .route("/healthz", get(healthz))
        .merge(mach_house::sign_in::router())
        .merge(mach_hoc::router())
        .merge(mach_intake::router())
        .merge(fhir.router())
        .merge(mach_record::router())
        .merge(mach_account::router())
        .merge(mach_access_pages::router(gateway, desk.clone()))
        .merge(mach_verify::router(data))
        .merge(mach_forms_desk::router())
        .merge(mach_certificates::router(Arc::clone(&desk)))
        .merge(mach_prescriptions::router(Arc::clone(&desk)))
        .merge(mach_signing::desktop::router(desk, &PAPERS))
        .merge(mach_vaccines::router(data, batches.clone()))
        .merge(mach_organisation::router())
        .merge(mach_smart::router(&house))
        .merge(mach_signon::router(&house, data))
        .merge(mach_shell::router())
        .merge(crate::log::routes::router())
        .with_state(house.clone())
        .layer(axum::middleware::from_fn_with_state(house.clone(), mach_house::carry::carry))
        .layer(axum::middleware::from_fn(only_reading))
        .layer(axum::middleware::from_fn_with_state(house, mach_house::pace::by_address));
    mach_ui::http::serve(routes.merge(mach_ui::gallery::gallery_router()))
}

/// What is signed here, as the apps tell it.
static PAPERS: [&dyn mach_signing::flights::Papers; 2] =
    [&mach_certificates::signing::Certificates, &mach_prescriptions::signing::Prescriptions];

/// What waits for people, as the apps tell it.
fn work() -> Vec<mach_house::waiting::Queue> {
    [
        mach_certificates::WORK,
        mach_prescriptions::WORK,
        mach_intake::WORK,
        mach_vaccines::WORK,
        mach_record::WORK,
        mach_access_pages::WORK,
        mach_account::WORK,
    ]
    .concat()
}

/// Reads every list now, so that a broken one stops the start and not the first request.
pub fn load_content() {
    mach_terms::load();
    mach_places::load();
    mach_claims::check::Rules::shared();
    mach_claims::check::Codes::shared();
    mach_cube::Definitions::shared();
    mach_record::load();
    mach_access::policy::Policy::shared();
    mach_access::sensitive::Sensitive::shared();
    mach_forms::library::load();
    mach_certificates::rules::load();
    mach_vaccines::products::Products::shared();
    mach_prescriptions::rules::Rules::shared();
    mach_organisation::load();
    mach_fhir_api::subscription::topic::all();
}

/// Serves `house` until Ctrl-C or SIGTERM, then finishes what was asked; `ready` is told the address.
pub fn serve(house: House, doors: Doors<'_>, ready: &mut dyn FnMut(SocketAddr) -> Result<(), String>) -> Outcome {
    let Doors { data, listen, public, tls, redirect, origins, syslog } = doors;
    load_content();
    mach_organisation::register::load(house.store()).map_err(|e| e.to_string())?;
    mach_signing::desk::clean(house.store()).map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let telling = syslog.map(|centre| mach_access_pages::syslog::start(house.store(), &centre)).transpose()?;
        let listener = bind(listen).await?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let limits = limits::Limits::of_this_system();
        let public = public.map(|url| url.trim_end_matches('/').to_owned());
        let over = match redirect {
            Some(plain) => {
                let plain = bind(plain).await?;
                let here = plain.local_addr().map_err(|e| e.to_string())?;
                println!("http://{here} sends everybody over");
                let over = tls::over_there(public.clone(), address);
                Some((plain, listen::Shared::new(over, limits, None)))
            }
            None => None,
        };
        ready(address)?;
        let fhir = mach_fhir_api::Interface::upon(house.store(), data).open_to(origins);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listening = format!("{scheme}://{address}");
        house.listens_at(&listening);
        let base = public.unwrap_or(listening);
        let mut settings = mach_fhir_api::subscription::Settings::new(format!("{base}/fhir"));
        settings.loopback = house.demo();
        let delivery = fhir.deliver(settings)?;
        let indexing = fhir.index();
        // A simulator's receipts are worth nothing: only a demonstration sends to it, where no gateway is set up.
        let gateway = || -> Box<dyn mach_certificates::gateway::Channel> {
            Box::new(mach_certificates::gateway::Simulator::trusting())
        };
        let national = || -> Box<dyn mach_prescriptions::gateway::Transport> {
            Box::new(mach_prescriptions::simulator::Simulator::default())
        };
        let desk = mach_certificates::desk::Desk::upon(data, base).sending(messages(&house, data));
        let desk = Arc::new(if house.demo() { desk.simulating() } else { desk });
        let instead = house.demo().then(gateway);
        let sending = mach_certificates::deliver::start(house.store(), data, instead, Arc::clone(&desk));
        let signing =
            mach_signing::flights::start(house.store(), Arc::clone(&desk), &mach_certificates::signing::Certificates);
        let registering = mach_organisation::register::watch(house.store());
        let instead = house.demo().then(national);
        let prescribing = mach_prescriptions::deliver::start(house.store(), data, instead, Arc::clone(&desk));
        let papers = &mach_prescriptions::signing::Prescriptions;
        let signing_rx = mach_signing::flights::start(house.store(), Arc::clone(&desk), papers);
        let batches = mach_vaccines::batch::Worker::default();
        let issuing = batches.start(house.store(), data);
        if let Some(tls) = &tls {
            tokio::spawn(tls::follow(Arc::clone(tls)));
        }
        let proxies = house.proxies().to_vec();
        let shared = listen::Shared::behind(proxies, routes(house, &fhir, data, (desk, &batches)), limits, tls);
        let sending_over = async {
            if let Some((plain, shared)) = over {
                listen::serve(plain, shared, stopped()).await;
            }
        };
        tokio::join!(listen::serve(listener, shared, stopped()), sending_over);
        delivery.stop().await;
        indexing.abort();
        signing.abort();
        signing_rx.abort();
        issuing.abort();
        registering.abort();
        for sending in [sending, prescribing].into_iter().chain(telling) {
            sending.abort();
        }
        Ok::<(), String>(())
    })?;
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    Ok(ExitCode::SUCCESS)
}

/// Serves `router`, which has no house, until Ctrl-C or SIGTERM, within the same limits; `ready` is told the address.
pub fn serve_router(
    router: axum::Router,
    (listen, tls): (SocketAddr, Option<Arc<mach_tls::Server>>),
    ready: &mut dyn FnMut(SocketAddr) -> Result<(), String>,
) -> Outcome {
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let listener = bind(listen).await?;
        ready(listener.local_addr().map_err(|e| e.to_string())?)?;
        if let Some(tls) = &tls {
            tokio::spawn(tls::follow(Arc::clone(tls)));
        }
        let shared = listen::Shared::new(router, limits::Limits::of_this_system(), tls);
        listen::serve(listener, shared, stopped()).await;
        Ok::<(), String>(())
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn bind(listen: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(listen).await.map_err(|e| {
        format!("cannot listen on `{listen}`: {e}\nhint: another program uses it; try --listen 127.0.0.1:0")
    })
}

pub(crate) async fn stopped() {
    let interrupt = async {
        // Where the signal cannot be listened for, only killing stops the program; that is safe too.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! { () = interrupt => {}, () = terminate => {} }
}

#[cfg(test)]
mod routes;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod tests;
