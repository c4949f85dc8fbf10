# shellcheck shell=bash
# Apache Kafka as one node that is broker and controller (KRaft). Sourced by ../devstack.

# Everything before the process: configuration, and the format of its directory.
kafka_prepare() {
    local home=$1 port=$2 jars=$3
    kafka_properties "$home" "$port" >"$home/server.properties"
    kafka_logging >"$home/log4j2.properties"
    if [ ! -f "$home/data/meta.properties" ]; then
        java -Dlog4j2.configurationFile="$home/log4j2.properties" -cp "$jars/*" kafka.tools.StorageTool \
            format --cluster-id cm9va2VyeS1kZXZzdGFjaw --config "$home/server.properties" >"$home/format.log" 2>&1 ||
            fail "kafka: its directory can't be formatted: $(tail -n 5 "$home/format.log")"
    fi
}

kafka_properties() {
    local home=$1 port=$2 sync=${ROOKERY_DEVSTACK_KAFKA_SYNC:-os}
    cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
listeners=BROKER://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=BROKER://127.0.0.1:$port
inter.broker.listener.name=BROKER
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$home/data

# Rookery makes its topics itself; one made by a typing mistake would have the wrong number of partitions.
auto.create.topics.enable=false

# One node: its own topics can have no replica elsewhere. Few partitions make a quick start.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0

# Two cores, which the tests want too.
num.network.threads=2
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=16777216
PROPERTIES
    case $sync in
    os) ;;
    fsync) echo log.flush.interval.messages=1 ;;
    *) fail "ROOKERY_DEVSTACK_KAFKA_SYNC is os or fsync, not $sync" "$EXIT_USAGE" ;;
    esac
}

kafka_logging() {
    cat <<'PROPERTIES'
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d{ISO8601} %-5p %c{1}: %m%n
rootLogger.level=INFO
rootLogger.appenderRef.stdout.ref=stdout
PROPERTIES
}

# Words that end in a zero byte each.
kafka_command() {
    local home=$1 jars=$2 heap=${ROOKERY_DEVSTACK_KAFKA_HEAP:-512m}
    printf '%s\0' java -Xms256m "-Xmx$heap" -XX:+UseG1GC -XX:+ExitOnOutOfMemoryError \
        -Dlog4j2.configurationFile="$home/log4j2.properties" -cp "$jars/*" \
        kafka.Kafka "$home/server.properties"
}
