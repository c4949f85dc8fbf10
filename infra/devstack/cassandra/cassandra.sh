# shellcheck shell=bash
# Apache Cassandra as one node. Sourced by ../devstack.

cassandra_prepare() {
    local home=$1 port=$2
    mkdir -p "$home/conf" "$home/data/triggers"
    cassandra_login "$home"
    cassandra_yaml "$home" "$port" >"$home/conf/cassandra.yaml"
    cassandra_logging >"$home/conf/logback.xml"
}

# Who may ask: anybody, or who logs in as the user that Cassandra makes by itself.
cassandra_login() {
    local home=$1
    case ${ROOKERY_DEVSTACK_CQL_LOGIN:-} in
    '') ;;
    none) rm -f "$home/credentials" ;;
    password) (umask 077 && printf 'cassandra\ncassandra\n' >"$home/credentials") ;;
    *) fail "ROOKERY_DEVSTACK_CQL_LOGIN is none or password, not $ROOKERY_DEVSTACK_CQL_LOGIN" "$EXIT_USAGE" ;;
    esac
}

cassandra_yaml() {
    local home=$1 port=$2 sync=${ROOKERY_DEVSTACK_CQL_SYNC:-batch}
    cat <<YAML
cluster_name: rookery-devstack
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
num_tokens: 1
endpoint_snitch: SimpleSnitch
dynamic_snitch: false
hinted_handoff_enabled: false
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{seeds: "127.0.0.1:$((port + 1))"}]

listen_address: 127.0.0.1
storage_port: $((port + 1))
rpc_address: 127.0.0.1
native_transport_port: $port
start_native_transport: true

data_file_directories: [$home/data/data]
commitlog_directory: $home/data/commitlog
saved_caches_directory: $home/data/saved_caches
hints_directory: $home/data/hints
cdc_raw_directory: $home/data/cdc
# A dropped keyspace of a test is gone, and not kept as a copy.
auto_snapshot: false

# Two cores, which the tests want too.
concurrent_reads: 8
concurrent_writes: 16
native_transport_max_threads: 16
concurrent_compactors: 1
compaction_throughput: 16MiB/s
memtable_flush_writers: 1
memtable_heap_space: 256MiB
memtable_offheap_space: 256MiB
memtable_allocation_type: offheap_objects
disk_optimization_strategy: ssd
YAML
    if [ -f "$home/credentials" ]; then
        printf 'authenticator: PasswordAuthenticator\nauthorizer: CassandraAuthorizer\n'
    fi
    case $sync in
    # Acknowledged is synced. Writes that come meanwhile share the next sync.
    batch) echo "commitlog_sync: batch" ;;
    periodic) printf 'commitlog_sync: periodic\ncommitlog_sync_period: 10000ms\n' ;;
    *) fail "ROOKERY_DEVSTACK_CQL_SYNC is batch or periodic, not $sync" "$EXIT_USAGE" ;;
    esac
}

cassandra_logging() {
    cat <<'XML'
<configuration>
  <appender name="stdout" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %-5level %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="stdout"/></root>
</configuration>
XML
}

# Words that end in a zero byte each.
cassandra_command() {
    local home=$1 jars=$2 heap=${ROOKERY_DEVSTACK_CQL_HEAP:-1g} package
    local words=(java -Xms512m "-Xmx$heap" -Xss512k -XX:+UseG1GC -XX:MaxDirectMemorySize=512m
        -XX:+ExitOnOutOfMemoryError)
    # It reaches into the JDK where the JDK has closed itself since: for off-heap memory, for files, for JMX.
    for package in jdk.internal.misc jdk.internal.ref sun.nio.ch; do
        words+=(--add-exports "java.base/$package=ALL-UNNAMED")
    done
    for package in java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry \
        java.rmi/sun.rmi.server java.sql/java.sql; do
        words+=(--add-exports "$package=ALL-UNNAMED")
    done
    for package in java.io java.lang java.lang.module java.lang.reflect java.math java.net java.nio java.util \
        java.util.concurrent java.util.concurrent.atomic jdk.internal.loader jdk.internal.math \
        jdk.internal.module jdk.internal.ref jdk.internal.reflect jdk.internal.util.jar sun.nio.ch; do
        words+=(--add-opens "java.base/$package=ALL-UNNAMED")
    done
    words+=(--add-opens jdk.management/com.sun.management.internal=ALL-UNNAMED
        -Djdk.attach.allowAttachSelf=true -Dio.netty.tryReflectionSetAccessible=true
        "-Dcassandra.config=file://$home/conf/cassandra.yaml"
        "-Dlogback.configurationFile=$home/conf/logback.xml"
        "-Dcassandra.storagedir=$home/data" "-Dcassandra.triggers_dir=$home/data/triggers"
        # Nobody else to hear of: no waiting for gossip, for ring changes, or to make the first role.
        -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=0
        -Dcassandra.superuser_setup_delay_ms=0
        -Dcassandra-foreground=yes -cp "$home/conf:$jars/*"
        org.apache.cassandra.service.CassandraDaemon)
    printf '%s\0' "${words[@]}"
}
