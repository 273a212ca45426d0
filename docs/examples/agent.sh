#!/usr/bin/env bash
# A small agent in shell: mosquitto_pub and _sub, openssl, jq, curl. It passes `idlehands conformance`.
#
#   bash agent.sh --broker HOST:PORT --certificate DIR --home DIR
#
# One slot, Linux with GNU tools. What it leaves out: docs/conformance.md.
set -u
while [ $# -gt 1 ]; do declare "${1#--}=$2"; shift 2; done
cd "$home" && mkdir -p spool
me=$(openssl x509 -in "$certificate/cert.pem" -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p')
up=idlehands/v1/agent/$me
house=(-h "${broker%:*}" -p "${broker##*:}" -V 5 -k 30 --tls-version tlsv1.3 --cafile "$certificate/ca.pem"
    --cert "$certificate/cert.pem" --key "$certificate/key.pem")
boot=$(($(cat boot 2> /dev/null || echo 0) + 1)) now=$(date +%s)
[ "$boot" -gt "$now" ] || boot=$now
echo "$boot" > boot.new && sync boot.new && mv boot.new boot
random() { read -r random < /proc/sys/kernel/random/uuid; random=${random//-/}; }
clock() { read -r now _ < /proc/uptime; now=${now/./}0; } # in ms; it goes on while the machine sleeps
random
instance=$random epoch=0 rest='' seq=-1 answered=0 due=0 beat_at=-1000 refused=0
claim='' running='' begun=' '   # claim: "job token nonce when"; running: "job token"
declare -A sent=() facts_in=() send_at=() wait_for=()

id_of() { printf %s "$1" | xxd -r -p | sha256sum | cut -d' ' -f1; }
encode() { local LC_ALL=C; printf 'DSSEv1 %d %s %d %s' ${#1} "$1" ${#2} "$2"; } # TYPE BODY
know() { # FOLDER KEYS: write each public key into a file that is called by its id
    local public; mkdir -p "$1"
    for public in $2; do
        printf '302a300506032b6570032100%s' "$public" | xxd -r -p > "$1/$(id_of "$public")"
    done
}
trust=$(cat "$certificate/trust.json")
know hq "$(jq -r '.hq[]' <<< "$trust")"
know authors "$(jq -r '.authors[].key' <<< "$trust")"
signs() { # FOLDER SIGNER TYPE BODY SIGNATURE: whether the one in FOLDER that SIGNER names has signed it
    [[ $2 =~ ^[0-9a-f]{64}$ ]] && [ -e "$1/$2" ] || return 1
    encode "$3" "$4" > signed
    base64 -d <<< "$5" > signature 2> /dev/null
    openssl pkeyutl -verify -pubin -keyform DER -inkey "$1/$2" -rawin -in signed -sigfile signature &> /dev/null
}
my_id=$(id_of "$(openssl pkey -in "$certificate/sign.key" -pubout -outform DER | tail -c 32 | xxd -p -c 64)")

say() { # WHAT BODY
    local more=''
    if [ "$1" = result ]; then
        encode idlehands.result "$2" > signed
        more=$(openssl pkeyutl -sign -inkey "$certificate/sign.key" -rawin -in signed | base64 -w 0)
        more=",\"signer\":\"$my_id\",\"signature\":\"$more\""
    fi
    random
    mosquitto_pub "${house[@]}" -t "$up/up/$1" -s << MESSAGE
{"specversion":"1.0","id":"$random","source":"$me","type":"idlehands.$1","data":$2$more}
MESSAGE
}
decline() { say decline "{\"boot\":$boot,\"declines\":[{\"job\":\"$1\",\"token\":$2,\"why\":\"$3\"${4:-}}]}"; }

hear() { # TOPIC PAYLOAD
    local what=${1##*/} data signer signature said its_boot its_rest a b c
    # The bytes of `data` as they travel: the first balanced braces after its name. Verified, they are read.
    data=$(grep -oP '"data"\s*:\s*\K(\{(?:[^{}"]++|"(?:[^"\\]|\\.)*+"|(?1))*+\})' <<< "$2") || return
    data=${data%%$'\n'*}
    if [ "$what" = grant ]; then
        read -r signer signature < <(jq -r '"\(.signer) \(.signature)"' <<< "$2" 2> /dev/null)
        signs hq "$signer" idlehands.grant "$data" "$signature" || { refused=$((refused + 1)); return; }
    fi
    read -r said its_boot its_rest < <(jq -r 'select(.online != false and (.epoch | type) == "number")
        | "\(.epoch) \(.boot // 0) \(.rest // "")"' <<< "$data" 2> /dev/null) || return
    [ "$said" -ge "$epoch" ] || return
    [ "$said" = "$epoch" ] || epoch=$said answered=0 due=0
    [ -z "$its_rest" ] || rest=$its_rest
    [ "$what" != ack ] || [ "$its_boot" = "$boot" ] || return
    kept=''
    while read -r what a b c; do "hear_$what" "$a" "$b" "$c"; done < <(jq -r '
        (.offers[]? | "offer \(.job) \(.token)"), (.denials[]? | "denial \(.job) \(.token)"),
        (.grants[]? | "grant \(.job) \(.token) \(tojson)"), (.orders[]? | "order \(.job) \(.token) \(.command)"),
        (.results[]? | "settled \(.job) \(.token)"),
        (select(.seq != null and (.refused // "") == "") | "answer \(.seq)")' <<< "$data" 2> /dev/null)
}

hear_denial() { [ "${claim% * *}" != "$1 $2" ] || claim=''; }

hear_offer() { # JOB TOKEN
    if [ -n "$claim$running" ]; then decline "$1" "$2" "the slot is taken"; return; fi
    case $begun in *" $1/$2 "*) return ;; esac
    random
    clock
    claim="$1 $2 $random $now"
    say claim "{\"boot\":$boot,\"claims\":[{\"job\":\"$1\",\"token\":$2,\"nonce\":\"$random\"}]}"
}

hear_grant() { # JOB TOKEN GRANT
    local agent its_boot nonce
    read -r agent its_boot nonce < <(jq -r '"\(.agent) \(.boot) \(.nonce)"' <<< "$3")
    [ "$agent $its_boot" = "$me $boot" ] || { refused=$((refused + 1)); return; }
    case $begun in *" $1/$2 "*) return ;; esac
    if [ -z "$claim" ] || [ "${claim% *}" != "$1 $2 $nonce" ]; then
        decline "$1" "$2" "it was not claimed, or too long ago"; return
    fi
    lease=$((${claim##* } + 30000)) claim=''
    jq -c .spec <<< "$3" > spec
    if ! judge; then decline "$1" "$2" "its owner does not allow it" ',"unwilling":true'; return; fi
    begun="$begun$1/$2 "
    begin "$1" "$2"
}

judge() { # whether the script in `spec` is signed as the owner wants it
    local key signature statement
    read -r key signature < <(jq -r '.script.signature // {} | "\(.key) \(.signature)"' spec)
    statement=$(jq -j '.script.signature.statement // ""' spec)
    signs authors "$key" application/vnd.idlehands.script+json "$statement" "$signature" &&
        jq -e --argjson said "$statement" --argjson trust "$trust" '.script.bundle == $said.bundle
            and .script.entry == $said.entry and $said.arguments == null and (.secrets // [] | length) == 0
            and ([.script.bundle, .script.signature.key] - $trust.denied | length) == 2
            and ($trust.scripts != "listed" or ([.script.bundle] - $trust.allowed | length) == 0)' spec > /dev/null
}

begin() { # JOB TOKEN
    local bundle entry words
    bundle=$(jq -r .script.bundle spec) entry=$(jq -r .script.entry spec)
    rm -rf attempt bundle && mkdir attempt
    if ! { curl -sSf -m 10 -H "Authorization: Bearer $(cat "$certificate/token")" -o bundle \
            "$rest/api/v1/blobs/$bundle" && [ "$(sha256sum < bundle)" = "$bundle  -" ] &&
            tar -xzf bundle -C attempt --no-same-owner 2> /dev/null; }; then
        finish "$1" "$2" '"outcome":"failed","failure":{"kind":"bundle_broken","message":"no whole, right bundle"}'
        return
    fi
    jq -c 'if .arguments == "stdin" then .params else empty end' spec > stdin
    mapfile -d '' -t words < <(jq -j 'def text: if type == "string" then . else tojson end;
        (.arguments // "flags") as $style | (.argv // [])[],
        ((.params // {}) | to_entries[] | .value as $value
            | if $style == "stdin" or ($style == "flags" and ($value == null or $value == false)) then empty
              else (if $style == "flags" then "--" + (.key | gsub("_"; "-")) else empty end),
                   (if $style == "flags" and $value == true then empty
                    elif $value | type == "array" then $value[] | text else $value | text end) end)
        | . + "\u0000"' spec)
    running="$1 $2" due=0 exclusive=$(jq '.exclusive == true' spec)
    (cd attempt && exec setsid python3 "$entry" "${words[@]}" < ../stdin > ../stdout 2> ../stderr) &
    script=$!
}

kill_script() { kill -KILL -- "-$script" 2> /dev/null; wait "$script" 2> /dev/null; running='' due=0; }

finish() { # JOB TOKEN FIELDS: the result is on the disk before it is first sent
    printf '{"job":"%s","token":%s,%s}' "$1" "$2" "$3" > result.new && sync result.new && mv result.new "spool/$1-$2"
    due=0
}

look_after_the_script() {
    local job=${running% *} token=${running#* } code printed
    clock
    if [ "$exclusive" = true ] && [ "$now" -ge "$lease" ]; then
        kill_script; decline "$job" "$token" "its lease ended" ',"interrupted":true'; return
    fi
    ! kill -0 "$script" 2> /dev/null || return
    wait "$script"; code=$? running=''
    printed=$(jq -cRn '[inputs | fromjson? | objects] | last' < stdout)
    if [ "$code" != 0 ]; then
        finish "$job" "$token" "\"outcome\":\"failed\",\"exit_code\":$code,\"failure\":{\"kind\":\"exit\",
            \"message\":\"exit code $code\",\"traceback\":$(tail -c 4000 stderr | jq -Rs .)}"
    elif [ ${#printed} -gt 60000 ]; then
        finish "$job" "$token" '"outcome":"failed","failure":{"kind":"result_too_big","message":"over 60,000"}'
    else
        finish "$job" "$token" "\"outcome\":\"succeeded\",\"exit_code\":0,\"result\":$printed"
    fi
}

hear_order() { # JOB TOKEN COMMAND
    [ "$1 $2" = "$running" ] || return
    if [ "$3" = stop ]; then kill_script; else kept=yes; fi
}
hear_settled() { [ ! -e "spool/$1-$2" ] || { rm "spool/$1-$2"; due=0; }; }
hear_answer() { # SEQ: after the orders that this answer has
    [ "${facts_in[$1]:-}" != "$epoch" ] || answered=1
    [ -z "$kept" ] || [ -z "${sent[$1]:-}" ] || lease=$((sent[$1] + 30000))
}

beat() {
    local attempts='' file facts=''
    clock
    seq=$((seq + 1)) beat_at=$now
    sent[$seq]=$beat_at due=$((beat_at + (answered ? 9300 : 1000)))
    [ "$answered" = 1 ] || { facts_in[$seq]=$epoch; facts=",\"facts\":{\"cores\":$(nproc),\"system\":\"Linux\"}"; }
    for file in spool/*-*; do
        [ -e "$file" ] || continue
        file=${file#spool/}
        attempts="$attempts,{\"job\":\"${file%-*}\",\"token\":${file#*-},\"phase\":\"spooled\"}"
    done
    [ -z "$running" ] ||
        attempts="$attempts,{\"job\":\"${running% *}\",\"token\":${running#* },\"phase\":\"running\"}"
    say heartbeat "{\"boot\":$boot,\"instance\":\"$instance\",\"seq\":$seq,\"slots\":1,\"free\":$((${#running} == 0)),
        \"attempts\":[${attempts#,}],\"refused\":{\"bad_signature\":$refused}$facts}"
}

tick() {
    local file
    [ -z "$running" ] || look_after_the_script
    clock
    [ -z "$claim" ] || [ "$now" -lt $((${claim##* } + 10000)) ] || claim=''
    for file in spool/*-*; do
        [ -e "$file" ] && [ "$now" -ge "${send_at[$file]:-0}" ] || continue
        say result "{\"boot\":$boot,\"results\":[$(< "$file")]}"
        wait_for[$file]=$((${wait_for[$file]:-500} * 2))
        [ "${wait_for[$file]}" -le 30000 ] || wait_for[$file]=30000
        send_at[$file]=$((now + wait_for[$file]))
    done
    [ "$now" -lt "$due" ] || [ "$now" -lt $((beat_at + 500)) ] || beat
}

presence='{"specversion":"1.0","id":"presence","source":"'$me'","type":"idlehands.presence","data":'
exec 3< <(exec mosquitto_sub "${house[@]}" -F '%t %p' -t "$up/down/+" -t idlehands/v1/hq/state \
    --will-topic "$up/presence" --will-retain --will-payload "$presence{\"online\":false,\"boot\":$boot}}")
listener=$!
trap 'kill -KILL $listener; [ -z "$running" ] || kill_script' EXIT # without a goodbye: the will is published
trap exit TERM INT
line='' is_there='' many=0
while true; do
    # What was read before the time was over is the beginning of the line.
    IFS= read -r -t 0.1 -u 3 part
    case $? in
        0) line=$line$part; hear "${line%% *}" "${line#* }"; line='' many=$((many + 1)) ;;
        1) exit 1 ;; # the listener has ended
        *) line=$line$part many=20 ;;
    esac
    # What was said already is heard before anything is said, but heartbeats do not wait for that.
    clock
    [ "$many" -ge 20 ] || { [ "$due" -gt 0 ] && [ "$now" -ge "$due" ]; } || continue
    many=0
    [ "$epoch" != 0 ] || continue # HQ's state is retained: with it the subscriptions are in place
    [ -n "$is_there" ] || mosquitto_pub "${house[@]}" -r -t "$up/presence" -m "$presence{\"online\":true,\"boot\":$boot}}"
    is_there=yes
    tick
done
