"""A checkpoint for more characters than it was trained with: what it knows is kept."""

import json

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from vary.errors import VaryError
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.vocabulary.ctc import CTCHead

# Characters that were never seen begin less probable than the least probable known one.
_NEW_BIAS = -2.0
_NEW_SCALE = 0.02


@torch.no_grad()
def widen_alphabet(
    model: VaryForConditionalGeneration, alphabet: str, rank: int | None = None
) -> None:
    """Give a model's CTC head an alphabet that holds its own; changed in place.

    The scores of the characters that it knows stay as they are, or, where the head is narrowed to
    fewer dimensions than they have, as near to it as can be. New ones begin near zero.

    Args:
        model: with a CTC head in its first vocabulary.
        alphabet: the new one, in any order.
        rank: width that the features are narrowed to, see `ViTDetConfig`; None: they are not.

    Raises:
        VaryError: the model has no CTC head, it is narrowed and shall not be, or has characters
            that are not in the new alphabet.
    """
    config = model.config.vocabularies[0]
    head = getattr(model.vocabularies[0], "ctc_head", None)
    known = config.ctc_alphabet
    if not isinstance(head, CTCHead) or known is None:
        raise VaryError("the checkpoint has no CTC head whose alphabet could be widened")
    missing = sorted(set(known) - set(alphabet))
    if missing:
        raise VaryError(
            f"the checkpoint's CTC head writes {len(missing)} characters that are not in the new "
            f"alphabet ({''.join(missing[:20])!r}): put them into it"
        )
    if config.ctc_rank is not None and rank != config.ctc_rank:
        raise VaryError(f"the checkpoint's CTC head has the rank {config.ctc_rank}, not {rank}")
    scores, bias = _of_columns(head.classify.weight, head), _of_columns(head.classify.bias, head)
    made = CTCHead(
        head.rows, head.norm.normalized_shape[0] // head.rows, len(alphabet) + 1, head.columns, rank
    ).to(head.classify.weight)
    made.norm.load_state_dict(head.norm.state_dict())
    if rank is not None and config.ctc_rank is None:
        # The directions in which the known characters differ most.
        values, directions = _leading(scores.flatten(0, 1), rank)
        scores = values.view(*scores.shape[:2], rank)
        assert isinstance(made.narrow, nn.Linear)
        made.narrow.weight.copy_(directions)
    else:
        made.narrow.load_state_dict(head.narrow.state_dict())
    classes = [0, *(alphabet.index(character) + 1 for character in known)]
    new_scores = torch.randn(head.columns, len(alphabet) + 1, scores.shape[-1])
    new_scores = (new_scores * _NEW_SCALE).to(scores)
    new_bias = bias[:, 1:].min(1, keepdim=True).values + _NEW_BIAS
    new_bias = new_bias.repeat(1, len(alphabet) + 1)
    new_scores[:, classes], new_bias[:, classes] = scores, bias
    made.classify.weight.copy_(new_scores.flatten(0, 1))
    made.classify.bias.copy_(new_bias.flatten())
    model.vocabularies[0].ctc_head = made
    config.ctc_alphabet, config.ctc_rank = alphabet, rank


@torch.no_grad()
def widen_tokenizer(
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    alphabet: str,
    vocabulary_size: int,
) -> None:
    """Give characters that are written in bytes a piece each; model and processor are changed.

    A language model of lines finds its place by the width of what it has written: a Chinese
    character is as wide as a vision token, and three pieces for it are not. The known pieces keep
    their numbers and weights; a new one begins as the mean of its bytes.

    Args:
        model: whose language model writes with the tokenizer.
        processor: with a tokenizer of `vary.model.tokenizer`.
        alphabet: the characters, those first that come first if there is not room for all.
        vocabulary_size: pieces in all, at most.

    Raises:
        VaryError: the tokenizer is of another kind.
    """
    tokenizer = processor.tokenizer
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    pieces = state["model"].get("vocab")
    if state["model"].get("type") != "BPE" or not state["model"].get("byte_fallback"):
        raise VaryError("only a byte-pair tokenizer with bytes for the rest can be widened")
    room = max(0, vocabulary_size - len(tokenizer))
    new = [c for c in dict.fromkeys(alphabet) if not c.isspace() and c not in pieces][:room]
    if not new:
        return
    bytes_of = [[pieces[f"<0x{byte:02X}>"] for byte in c.encode()] for c in new]
    first = len(tokenizer)
    pieces.update({character: first + at for at, character in enumerate(new)})
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(state))
    language_model = model.language_model
    language_model.resize_token_embeddings(first + len(new), mean_resizing=False)
    model.config.text_config.vocab_size = first + len(new)
    layers = (language_model.get_input_embeddings(), language_model.get_output_embeddings())
    for layer in {id(layer.weight): layer for layer in layers if layer is not None}.values():
        for at, numbers in enumerate(bytes_of, start=first):
            layer.weight[at] = layer.weight[numbers].mean(0)


def _of_columns(parameter: Tensor, head: CTCHead) -> Tensor:
    return parameter.unflatten(0, (head.columns, -1))


def _leading(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return (N, rank) and (rank, D) whose product is as near to an (N, D) matrix as can be."""
    left, sizes, right = torch.linalg.svd(matrix.float(), full_matrices=False)
    kept = min(rank, len(sizes))
    values = matrix.new_zeros(matrix.shape[0], rank)
    directions = nn.init.orthogonal_(matrix.new_empty(rank, matrix.shape[1]).float())
    root = sizes[:kept].sqrt()
    values[:, :kept] = (left[:, :kept] * root).to(matrix)
    directions[:kept] = root[:, None] * right[:kept]
    return values, directions.to(matrix)
