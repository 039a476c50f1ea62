# SPDX-License-Identifier: GPL-2.0-only
# bash completion: asks ktstr itself what fits, so it knows every command and option there is.

_ktstr()
{
	local words=() word kind i=1 joined cut candidates
	# bash has split words at ":" and "="; put them together again
	for ((; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		joined=${#words[@]}
		if ((joined)) && [[ $word == [:=]* || ${COMP_WORDS[i - 1]} == *[:=] ]]; then
			words[joined - 1]+=$word
		else
			words+=("$word")
		fi
	done
	word=${words[-1]}
	cut=${word%"${word##*[:=]}"}
	COMPREPLY=()
	mapfile -t candidates < <("$1" __complete "${words[@]}" 2>/dev/null)
	for kind in "${candidates[@]}"; do
		case $kind in
		:files) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "${word#"$cut"}")
			compopt -o filenames 2>/dev/null ;;
		:dirs) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "${word#"$cut"}")
			compopt -o filenames 2>/dev/null ;;
		*) COMPREPLY+=("${kind#"$cut"}") ;;
		esac
	done
}
complete -F _ktstr ktstr
